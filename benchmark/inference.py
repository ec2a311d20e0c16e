"""Predicting test images with a fine-tuned detector: the same for all methods."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from benchmark.accounting import counted
from benchmark.devices import autocast, resolve_precision
from benchmark.heatmaps import REACH, decode
from benchmark.losses import heatmap_loss
from benchmark.prepared import PreparedDataset
from benchmark.progress import Listener, Progress, silent
from benchmark.protocol import ProtocolConfig
from benchmark.shape import ShapeModel, limited
from benchmark.unlabelled import as_inputs, as_unit_range
from benchmark.views import Views

EVALUATION_BATCH = 16


@counted("evaluation")
@torch.no_grad()
def predict(
    detector: nn.Module,
    data: PreparedDataset,
    rows: list[int],
    protocol: ProtocolConfig,
    device: torch.device,
    listener: Listener = silent,
    *,
    shots: list[int],
) -> np.ndarray:
    """Predicted landmarks (rows, landmarks, 2) in native px, float64, unrounded.

    Args:
        detector: From images to maps.
        data: The dataset.
        rows: The images to predict.
        protocol: How maps are made and read.
        device: Where the detector is.
        listener: Told of the progress.
        shots: The images that the detector was trained on, whose shape may limit what is found.
    """
    read, found = reader(protocol, data, shots), []
    for chunk, maps in maps_of(detector, data, rows, protocol, device):
        points = read(maps).cpu().numpy()
        found += [
            data.frames[row].to_native(p.astype(np.float64))
            for row, p in zip(chunk, points, strict=True)
        ]
        listener(Progress("evaluate", len(found), len(rows)))
    return np.stack(found)


@torch.no_grad()
def maps_of(
    detector: nn.Module,
    data: PreparedDataset,
    rows: list[int],
    protocol: ProtocolConfig,
    device: torch.device,
) -> Iterator[tuple[list[int], Tensor]]:
    """Some of the rows at a time, with their maps (rows, landmarks, height, width)."""
    detector.eval()
    precision = resolve_precision(protocol.precision, device)
    views = Views(protocol, device)
    for start in range(0, len(rows), EVALUATION_BATCH):
        chunk = rows[start : start + EVALUATION_BATCH]
        pixels = torch.from_numpy(np.ascontiguousarray(data.pixels[chunk])).to(device)
        with autocast(device, precision):
            maps = views(detector, as_inputs(as_unit_range(pixels), protocol.published.inputs))
        yield chunk, maps


def reader(
    protocol: ProtocolConfig, data: PreparedDataset, shots: list[int]
) -> Callable[[Tensor], Tensor]:
    """From maps (batch, landmarks, height, width) to landmarks (batch, landmarks, 2), working px.

    With ``shape_limit`` a landmark that was found far from where the shape of the shots has it is
    looked for again nearer to there; all others stay where they are.
    """
    own = heatmap_loss(protocol.loss).decoder
    decoder = own if protocol.decoder == "auto" else protocol.decoder

    def read(maps: Tensor) -> Tensor:
        return decode(maps, decoder, protocol.sigma)

    if not protocol.shape_limit:
        return read
    points = torch.from_numpy(data.working_points(shots))
    shape = ShapeModel(points, (data.pixels.shape[1], data.pixels.shape[2]))
    if not shape.says_something:
        return read

    def read_within_limits(maps: Tensor) -> Tensor:
        first = read(maps)
        places = shape.expect(first.cpu(), protocol.shape_limit).to(first)
        radii = (protocol.shape_limit * shape.spread).to(first)
        far = ((first - places).norm(dim=-1) > radii)[..., None]
        peaks = decode(limited(maps, places, radii), "argmax", protocol.sigma)
        # A peak near the circle is read as a whole.
        around = limited(maps, peaks, torch.full_like(radii, 2 * REACH * protocol.sigma))
        return torch.where(far, read(around), first)

    return read_within_limits
