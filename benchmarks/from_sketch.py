r"""The way from the sketch that came first to the recipe of today, one change a row.

    python -m benchmarks.from_sketch --data-root ../shared/data/cephalometric \
        --set protocol.image_size=144 --set protocol.steps=160 --set protocol.precision=float32

The sketch is a single file of a hundred lines that reached 1.62 mm with 25 labelled cephalograms
and ImageNet weights. Row n has the first n of :data:`CHANGES` made and all others not; the last row
is what ``benchmarks.recipe`` trains. Images, warps, loss, gradient clipping and metric are this
project's in all rows: the sketch stretched its images by one per cent to fill their frame and
padded with the border where it shifted them, and is otherwise the same there.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
import time
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmark.augment import Augmentation
from benchmark.backbones.base import Detector, group_norm_in_place_of_batch_norm
from benchmark.cell import initial_detector, training_ids
from benchmark.devices import autocast, generator, resolve_precision, settle_cpu_precision
from benchmark.finetune import Draws, Shots, load_shots
from benchmark.grid import CellSpec
from benchmark.heatmaps import decode, valid_landmarks
from benchmark.inference import reader
from benchmark.losses import softmax_loss
from benchmark.optimiser import Schedule
from benchmark.precision import settled_precision
from benchmark.prepared import PreparedDataset
from benchmark.protocol import AugmentationConfig, ProtocolConfig
from benchmark.seeding import stream_seed
from benchmark.store import Store
from benchmark.unlabelled import as_inputs, as_unit_range
from benchmarks.recipe import CPU, errors_of, predicted, ready

CHANGES = {
    "draw": "the harness's draw of labelled images",
    "network": "decoder to half the size, 1 x 1 head for four pixels, one input channel",
    "rate": "one rate for all layers, where the encoder had a third",
    "schedule": "momentum constant, linear warm-up (torch's OneCycleLR changes both)",
    "passes": "every image as often as any other, where batches were drawn with replacement",
    "shift": "shifts of 5 % of the side at most, where it was 8",
    "white noise": "without white noise",
    "exposure": "dose, scatter, blur and collimation",
    "elastic": "elastic deformation",
    "decoding": "the Gaussian's centre, where it was the mean of 11 x 11 pixels",
}
"""In the order in which they are made."""


class SketchNetwork(nn.Module):
    """U-Net to the full size of the image with a 3 x 3 head; sees the grey image three times.

    Args:
        trained: Holds the encoder's weights, in one input channel.
        landmarks: Number of maps.
    """

    def __init__(self, trained: Detector, landmarks: int) -> None:
        super().__init__()
        # Only after the hook for torchvision that importing benchmark has set.
        import segmentation_models_pytorch as smp

        self.unet = smp.Unet(
            f"tu-{trained.backbone.encoder_name}",
            encoder_weights=None,
            in_channels=3,
            classes=landmarks,
            decoder_channels=(128, 64, 48, 32, 16),
        )
        group_norm_in_place_of_batch_norm(self.unet.decoder, 8)
        weights = {
            # Three equal channels of a third each see in a grey image what one channel sees.
            name: tensor.expand(-1, 3, -1, -1) / 3 if name.endswith("conv_stem.weight") else tensor
            for name, tensor in trained.backbone.get_submodule("encoder").state_dict().items()
        }
        self.unet.encoder.load_state_dict(weights)
        # The stubs of torch lack this overload.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, images: Tensor) -> Tensor:
        """Logits (batch, landmarks, height, width) from images (batch, 1, height, width)."""
        grey = images.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
        maps: Tensor = self.unet(grey)
        return maps


def sketched_draw(data: PreparedDataset, seed: int, shots: int) -> list[int]:
    """The sketch's labelled images, of all that are not for testing."""
    ids = [data.ids[row] for row in (*data.rows("train"), *data.rows("val"))]
    ids.sort(key=lambda name: hashlib.sha256(f"ceph:{seed}:{name}".encode()).hexdigest())
    return data.rows_of(tuple(ids[:shots]))


def augmentation_of(made: set[str], whole: AugmentationConfig) -> AugmentationConfig:
    """The recipe's augmentation with what has not been changed yet as in the sketch."""
    sketch: dict[str, float] = {}
    if "shift" not in made:
        sketch["shift"] = 0.08
    if "exposure" not in made:
        physics = ("noise", "scatter", "blur", "collimation")
        sketch |= {f"{name}_probability": 0.0 for name in physics}
    if "elastic" not in made:
        sketch["elastic"] = 0.0
    return whole.model_copy(update=sketch)


def mean_of_window(maps: Tensor, radius: int = 5) -> Tensor:
    """(batch, landmarks, 2): the mean place in a square around each peak."""
    peaks = decode(maps, "argmax")
    sides = [torch.arange(side) for side in (maps.shape[-1], maps.shape[-2])]
    near = [(side - peaks[..., axis, None]).abs() <= radius for axis, side in enumerate(sides)]
    around = near[1][..., :, None] & near[0][..., None, :]
    mass = maps.masked_fill(~around, -torch.inf).flatten(2).softmax(-1).view_as(maps)
    columns, rows = (side.to(mass.dtype) for side in sides)
    return torch.stack([mass.sum(-2) @ columns, mass.sum(-1) @ rows], -1)


def optimiser_of(
    made: set[str], detector: nn.Module, protocol: ProtocolConfig, steps: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """AdamW, and what sets its rates."""
    encoder: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, parameter in detector.named_parameters():
        (encoder if ".encoder." in name else others).append(parameter)
    peaks = [protocol.learning_rate * (1 if "rate" in made else 0.3), protocol.learning_rate]
    optimiser = torch.optim.AdamW(
        [{"params": p, "lr": r} for p, r in zip((encoder, others), peaks, strict=True)],
        weight_decay=protocol.weight_decay,
        fused=True,
    )
    if "schedule" in made:
        schedule = Schedule(steps, protocol.learning_rate, warmup=protocol.warmup)
        return optimiser, torch.optim.lr_scheduler.LambdaLR(optimiser, schedule.factor)
    return optimiser, torch.optim.lr_scheduler.OneCycleLR(
        optimiser, peaks, total_steps=steps, pct_start=protocol.warmup
    )


def train(made: set[str], detector: nn.Module, shots: Shots, spec: CellSpec) -> None:
    """The loop of both, with what is not in ``made`` as in the sketch."""
    protocol, steps, size = spec.protocol, spec.finetuning_steps, shots.pixels.shape[-2:]
    random = generator(stream_seed("finetuning", spec.seed), CPU)
    augmentation = Augmentation(augmentation_of(made, protocol.augmentation))
    passes = Draws(len(shots.pixels), protocol.batch_size, random)
    optimiser, rates = optimiser_of(made, detector, protocol, steps)
    precision = resolve_precision(protocol.precision, CPU)
    detector.train()
    for _ in range(steps):
        if "passes" in made:
            rows = passes()
        else:
            rows = torch.randint(len(shots.pixels), (protocol.batch_size,), generator=random)
        pixels = as_unit_range(shots.pixels[rows])
        images, points = augmentation(pixels, shots.points[rows], random)
        if "white noise" not in made:
            strength = 0.1 * torch.rand((len(rows), 1, 1, 1), generator=random)
            images = images + strength * torch.randn(images.shape, generator=random)
        with autocast(CPU, precision):
            maps = detector(as_inputs(images, protocol.published.inputs)).float()
        valid = valid_landmarks(points, (size[0], size[1]))
        loss = softmax_loss(maps, points, valid, protocol.sigma)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(detector.parameters(), protocol.gradient_clip)
        optimiser.step()
        rates.step()


def row(count: int, store: Store, spec: CellSpec, data: PreparedDataset) -> str:
    """Train with the first ``count`` changes made, and test."""
    made = set(list(CHANGES)[:count])
    shots = (
        data.rows_of(training_ids(data, spec))
        if "draw" in made
        else sketched_draw(data, spec.seed, spec.shots)
    )
    landmarks = len(data.record.landmark_names)
    initial = initial_detector(store, spec, landmarks)
    assert isinstance(initial, Detector)
    detector = initial if "network" in made else SketchNetwork(initial, landmarks)
    train(made, detector, load_shots(data, shots, CPU), spec)
    read = reader(spec.protocol, data, shots) if "decoding" in made else mean_of_window
    test = data.rows("test")
    (found,) = predicted(detector, data, test, spec.protocol, [read])
    return errors_of(data, test, found)


def main() -> None:
    """Print a row for each number of changes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data-root", action="append", default=[])
    parser.add_argument("--shots", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], help="as for `run`")
    parser.add_argument(
        "--changes",
        type=lambda text: [int(n) for n in text.split(",")],
        default=list(range(len(CHANGES) + 1)),
        help=f"numbers of changes made, of {', '.join(CHANGES)}",
    )
    parser.add_argument("--store", type=Path, help="for prepared images and pretrainings")
    asked = parser.parse_args()
    asked.preset, asked.dataset, asked.method = "quick", "cephalometric", "imagenet"
    asked.backbone = "timm/tf_efficientnet_lite0"
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(asked.store or Path(folder))
        spec, data = ready(store, asked)
        settle_cpu_precision(getattr(torch, settled_precision(store, threads=1).precision))
        radii = " | ".join(f"SDR {radius:g} %" for radius in data.record.thresholds)
        print(f"| changes | the last one | MRE {data.record.unit} | median | P95 | {radii} | s |")
        print("| --- " * (6 + len(data.record.thresholds)) + "|", flush=True)
        for count in asked.changes:
            begun = time.monotonic()
            last = list(CHANGES.values())[count - 1] if count else "the sketch"
            cells = row(count, store, spec, data)
            print(f"| {count} | {last} | {cells} | {time.monotonic() - begun:.0f} |", flush=True)


if __name__ == "__main__":
    main()
