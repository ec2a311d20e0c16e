"""The geometry of augmentation: an affine map over a B-spline deformation, and its inverse.

The deformation is a free-form deformation on uniform cubic B-splines (Rueckert et al., IEEE TMI
1999), known in closed form at every position, so landmarks can be moved exactly along. Points are
(B, L, 2) x and y in px, a pixel's centre having whole coordinates.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from benchmark.heatmaps import Size
from benchmark.protocol import AugmentationConfig

CONTROL_POINTS = 7
"""Control points of the elastic deformation along each axis; four intervals span the image."""

STEEPEST = 0.75
"""Bound of the elastic deformation's slope. Below one, it is a contraction: it cannot fold."""


def _exact(move: Callable[[Warp, Tensor], Tensor]) -> Callable[[Warp, Tensor], Tensor]:
    """Keep autocast out: in bfloat16 places would be wrong by up to a pixel of 256."""

    @functools.wraps(move)
    def exactly(warp: Warp, moved: Tensor) -> Tensor:
        with torch.autocast(moved.device.type, enabled=False):
            return move(warp, moved)

    return exactly


@dataclass(frozen=True)
class Warp:
    """A map from output to input pixels: ``matrix (q + displacement(q) - centre) + origin``.

    Attributes:
        matrix: (B, 2, 2).
        origin: (B, 2) where the output's centre comes from, in input px.
        control: (B, 2, n, n) displacements in output px of a lattice of B-spline control points
            (rows, then columns), x first; None without elastic deformation.
        size: (height, width) of the output.
        slope: Bound of the displacement's slope, below one.
    """

    matrix: Tensor
    origin: Tensor
    control: Tensor | None
    size: Size
    slope: float = 0.0

    @property
    def centre(self) -> Tensor:
        """The output's centre, (2,) in px."""
        height, width = self.size
        return constant(self.matrix, (width - 1) / 2, (height - 1) / 2)

    @_exact
    def images(self, images: Tensor) -> Tensor:
        """Resample bilinearly, once; beyond the edge the border is repeated."""
        height, width = self.size
        rows = torch.arange(height, device=images.device, dtype=images.dtype)
        columns = torch.arange(width, device=images.device, dtype=images.dtype)
        field = torch.stack([columns.expand(height, -1), rows[:, None].expand(-1, width)])[None]
        if self.control is not None:
            along_y, along_x = _basis(rows, height), _basis(columns, width)
            field = field + along_y @ self.control @ along_x.T
        # grid_sample's coordinates put -1 and 1 on the outer edges of the border pixels.
        unit = 2 / constant(images, images.shape[3], images.shape[2])
        offset = self.origin - (self.matrix @ self.centre)
        grid = (self.matrix * unit[:, None]) @ field.expand(len(images), -1, -1, -1).flatten(2)
        grid = grid + ((offset + 0.5) * unit - 1)[..., None]
        grid = grid.transpose(1, 2).reshape(len(images), height, width, 2)
        return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)

    @_exact
    def points(self, points: Tensor) -> Tensor:
        """Where landmarks of the input lie in the output: the inverse, to 1e-4 px; NaN stays NaN.

        ``q = y - displacement(q)`` is iterated; its error shrinks by ``slope`` at each step.
        """
        known = torch.isfinite(points).all(-1, keepdim=True)
        start = torch.where(known, points, torch.zeros_like(points)).to(self.matrix.dtype)
        # Not solve(), which makes the host wait for a GPU to hear whether there is an inverse.
        start = torch.linalg.solve_ex(
            self.matrix, (start - self.origin[:, None]).transpose(1, 2)
        ).result.transpose(1, 2)
        start = start + self.centre
        moved = start
        if self.control is not None and self.slope > 0:
            largest = max(float(self.slope * max(self.size)), 1e-3)
            for _ in range(math.ceil(math.log(1e-4 / largest) / math.log(self.slope))):
                moved = start - self.displacement(moved)
        return torch.where(known, moved.to(points.dtype), torch.full_like(points, torch.nan))

    @_exact
    def sources(self, points: Tensor) -> Tensor:
        """Where places (B, L, 2) of the output come from in the input: the map itself."""
        moved = points + self.displacement(points) - self.centre
        return moved @ self.matrix.transpose(1, 2) + self.origin[:, None]

    def inverse(self) -> Warp:
        """The map from input to output pixels, between images of one size.

        Raises:
            ValueError: There is an elastic deformation, whose inverse has no closed form.
        """
        if self.control is not None:
            raise ValueError("an elastic deformation has no inverse in closed form")
        matrix = torch.linalg.inv(self.matrix)
        origin = self.centre + (matrix @ (self.centre - self.origin)[..., None])[..., 0]
        return replace(self, matrix=matrix, origin=origin)

    def halves(self) -> tuple[Warp, Warp]:
        """The warps of the first and of the second half of the batch."""
        half = len(self.matrix) // 2
        first, second = slice(None, half), slice(half, None)
        return self._of(first), self._of(second)

    def _of(self, rows: slice) -> Warp:
        control = None if self.control is None else self.control[rows]
        return replace(self, matrix=self.matrix[rows], origin=self.origin[rows], control=control)

    def displacement(self, points: Tensor) -> Tensor:
        """The elastic displacement at points (B, L, 2) of the output, in px."""
        if self.control is None:
            return torch.zeros_like(points)
        along_x = _basis(points[..., 0], self.size[1])
        along_y = _basis(points[..., 1], self.size[0])
        return torch.einsum("bly,bcyx,blx->blc", along_y, self.control, along_x)


def random_warp(images: Tensor, generator: torch.Generator, config: AugmentationConfig) -> Warp:
    """Draw rotation, scale, shift and an elastic deformation for each image, or for some."""
    batch, (height, width) = len(images), images.shape[2:]
    side = min(height, width)
    limit = math.log1p(config.scale)
    zoom = uniform(generator, images, (batch,), -limit, limit).exp()
    turn = math.radians(config.rotation)
    angle = uniform(generator, images, (batch,), -turn, turn)
    sides = constant(images, width, height)
    shift = uniform(generator, images, (batch, 2), -config.shift, config.shift) * sides
    control, slope = None, 0.0
    if config.elastic > 0:
        # A cubic B-spline's slope is at most 1.5 x the largest control displacement / spacing
        # along each axis, so this bounds the rows of the Jacobian of the displacement.
        intervals = CONTROL_POINTS - 3
        steepness = 1.5 * intervals * (1 / width + 1 / height)
        amplitude = min(config.elastic * side, STEEPEST / steepness)
        slope = amplitude * steepness
        shape = (batch, 2, CONTROL_POINTS, CONTROL_POINTS)
        control = uniform(generator, images, shape, -amplitude, amplitude)
    if config.moved < 1:
        moves = (uniform(generator, images, (batch,), 0, 1) < config.moved).to(images)
        zoom, angle, shift = zoom**moves, angle * moves, shift * moves[:, None]
        control = None if control is None else control * moves[:, None, None, None]
    return Warp(
        matrix=_rotation(angle) / zoom[:, None, None],
        origin=(sides - 1) / 2 + shift,
        control=control,
        size=(height, width),
        slope=slope,
    )


def random_crop(
    images: Tensor,
    generator: torch.Generator,
    size: Size,
    *,
    smallest_area: float,
    aspect: float,
    rotation: float,
) -> Warp:
    """Draw a crop of random area, aspect, place and rotation for each image.

    Args:
        images: (B, 1, height, width).
        generator: The random stream.
        size: (height, width) of the output.
        smallest_area: Area of the smallest crop, as a share of the image's.
        aspect: Largest ratio by which one side is stretched over the other.
        rotation: Largest rotation in degrees.
    """
    batch, (height, width) = len(images), images.shape[2:]
    area = uniform(generator, images, (batch,), smallest_area, 1.0)
    limit = math.log(aspect)
    stretch = uniform(generator, images, (batch,), -limit, limit).exp()
    share = torch.stack([(area * stretch).sqrt(), (area / stretch).sqrt()], 1).clamp_max(1)
    sides = constant(images, width, height)
    place = uniform(generator, images, (batch, 2), -0.5, 0.5) * (1 - share) * sides
    step = share * sides / constant(images, size[1], size[0])
    turn = math.radians(rotation)
    angle = uniform(generator, images, (batch,), -turn, turn)
    return Warp(
        matrix=_rotation(angle) * step[:, None, :],
        origin=(sides - 1) / 2 + place,
        control=None,
        size=size,
    )


def _basis(position: Tensor, length: int) -> Tensor:
    """Values of the uniform cubic B-splines of an axis at positions (...) in px: (..., n)."""
    knots = torch.arange(CONTROL_POINTS, device=position.device) - 1
    scaled = (position + 0.5) * ((CONTROL_POINTS - 3) / length)
    distance = (scaled[..., None] - knots).abs()
    inner = 2 / 3 - distance.square() + distance.pow(3) / 2
    outer = (2 - distance).clamp_min(0).pow(3) / 6
    return torch.where(distance < 1, inner, outer)


def _rotation(angle: Tensor) -> Tensor:
    """(B,) radians to (B, 2, 2)."""
    cos, sin = angle.cos(), angle.sin()
    return torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2)


def constant(like: Tensor, *values: float) -> Tensor:
    """Numbers, beside a tensor and of its type; shared by all callers, so not to be changed."""
    return _copied(values, like.device, like.dtype)


@functools.cache
def _copied(values: tuple[float, ...], device: torch.device, dtype: torch.dtype) -> Tensor:
    """Copied to the device once, because the host waits for a GPU at each copy."""
    return torch.tensor(values, device=device, dtype=dtype)


def uniform(
    generator: torch.Generator, like: Tensor, shape: tuple[int, ...], low: float, high: float
) -> Tensor:
    """Uniform numbers, drawn where the generator lives and brought to where ``like`` is."""
    drawn = torch.rand(shape, generator=generator, device=generator.device)
    return (drawn * (high - low) + low).to(like)
