"""Centroids of the regions above half of a map's maximum: decoders for ``channel-softmax``."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from benchmark.polygons import block_moments


def largest_region(logits: Tensor, sigma: float) -> Tensor:
    """Centroid of the largest region above half of the maximum.

    Di Via et al., WACV 2025, as released: on the raw logits, which was also better than on the
    softmax over landmarks (0.38 against 0.51 px in a toy task), but without rounding. Half of a
    maximum that is not positive means nothing; such a map gives its highest pixels.
    """
    from scipy import ndimage

    maps = logits.cpu().numpy()
    batch, count = maps.shape[:2]
    highest = maps.max((-1, -2), keepdims=True)
    above = maps >= np.where(highest > 0, 0.5, 1.0) * highest
    structure = np.zeros((3, 3, 3, 3), dtype=bool)
    structure[1, 1] = True  # regions touch within a map, also diagonally, never across maps
    labels, regions = ndimage.label(above, structure)
    label = labels[above]
    item, landmark, y, x = np.nonzero(above)
    area = np.bincount(label, minlength=regions + 1)
    owner = np.zeros(regions + 1, dtype=np.int64)
    owner[label] = item * count + landmark
    order = np.argsort(area[1:], kind="stable") + 1
    largest = np.zeros(batch * count, dtype=np.int64)
    largest[owner[order]] = order  # of equal indices the last assignment stays: the largest area
    centroid = [np.bincount(label, axis, regions + 1)[largest] / area[largest] for axis in (x, y)]
    found = np.stack(centroid, -1).reshape(batch, count, 2)
    return torch.from_numpy(found).to(logits.device, torch.float32)


def released_contour(logits: Tensor, sigma: float) -> Tensor:
    """The same as the released code has it, with what it loses.

    The area is that of the polygon through the centres of the border pixels, holes included. Where
    no such polygon has any, as in a map without a positive value or with single pixels above half
    of its maximum, the landmark is found at the origin. Of polygons of equal area the released code
    takes the lowest; here it is the one whose first row is lowest.
    """
    maps = logits.cpu().numpy()
    found = np.stack([_released(image) for image in maps])
    return torch.from_numpy(found).to(logits.device, torch.float32)


def _released(maps: np.ndarray) -> np.ndarray:
    """(landmarks, 2) x and y of (landmarks, height, width) maps of one image."""
    from scipy import ndimage

    # Written so, half of a negative maximum lies above all values.
    filled = _filled(maps >= 0.5 * maps.max((-1, -2), keepdims=True))
    touching = np.zeros((3, 3, 3), dtype=bool)
    touching[1] = True  # within a map, also diagonally
    labels, regions = ndimage.label(filled, touching)
    moments = block_moments(filled)
    enclosing = moments[0] > 0
    # All pixels of such a block are of one region, or of none.
    corners = (labels[:, :-1, :-1], labels[:, :-1, 1:], labels[:, 1:, :-1])
    label = np.maximum.reduce(corners)[enclosing]
    area, x, y = (np.bincount(label, part[enclosing], regions + 1) for part in moments)
    owner = np.zeros(regions + 1, dtype=np.int64)
    owner[label] = np.nonzero(enclosing)[0]
    order = np.argsort(area[1:], kind="stable") + 1
    order = order[area[order] > 0]
    largest = np.zeros(len(maps), dtype=np.int64)
    largest[owner[order]] = order  # of equal indices the last assignment stays: the largest area
    shares = np.maximum(area[largest], np.finfo(np.float64).tiny)
    centroid: np.ndarray = np.stack([x[largest] / shares, y[largest] / shares], -1)
    return np.where(largest[:, None] > 0, centroid, 0.0)


def _filled(above: np.ndarray) -> np.ndarray:
    """Regions (landmarks, height, width) with their holes: whatever no way leads out of."""
    from scipy import ndimage

    beside = np.zeros((3, 3, 3), dtype=bool)
    beside[1] = ndimage.generate_binary_structure(2, 1)  # the complement touches at sides alone
    labels, regions = ndimage.label(~above, beside)
    open_ = np.zeros(regions + 1, dtype=bool)
    for edge in (labels[:, 0], labels[:, -1], labels[:, :, 0], labels[:, :, -1]):
        open_[np.unique(edge)] = True
    open_[0] = False
    filled: np.ndarray = ~open_[labels]
    return filled
