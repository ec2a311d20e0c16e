"""Line integrals of attenuation along parallel rays, added up from solids of analytic thickness."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmark.datasets.phantom.curves import coverage, interpolation, squared_distances

# Linear attenuation in 1/mm at an effective energy of about 60 to 70 keV, rounded from the
# tables of Hubbell and Seltzer (NISTIR 5632); metal is capped, since any metal stops the beam.
SOFT = 0.0205
FAT = 0.0180
LUNG = 0.0060
TRABECULAR = 0.036
CORTICAL = 0.057
ENAMEL = 0.095
METAL = 0.30

# The signed distance of a contour is computed at about this many nodes and interpolated between
# them: the outline itself does not depend on it, only the rounding of its edge.
_DISTANCE_NODES = 1300

Window = tuple[slice, slice]


class Scene:
    """The line integral of one radiograph, in a square field; solids add or carve.

    Points are (x, y) in mm from the upper left corner of the field; x to the right, y down. The
    centre of pixel i lies at (i + 0.5) * spacing. A negative attenuation carves air or fat out of
    what is already there.

    Attributes:
        size: Width and height in px.
        spacing: mm per px.
        integral: (size, size) float32, the sum of attenuation times thickness; no unit.
        shutter: (size, size) float32, 1 where the beam is open and 0 behind the collimator.
        density: Multiplies the attenuation of what is added from now on.
        union: Whether solids that overlap count once (the larger) instead of adding up.
    """

    def __init__(self, size: int, field: float, union: bool = False) -> None:
        self.size = size
        self.spacing = field / size
        self.axis = ((np.arange(size) + 0.5) * self.spacing).astype(np.float32)
        self.integral = np.zeros((size, size), np.float32)
        self.shutter = np.ones((size, size), np.float32)
        self.density = 1.0
        self.union = union

    def vary(self, rng: np.random.Generator, spread: float = 0.18) -> None:
        """Draw the density of the part that is added next: no two subjects' bones are alike."""
        self.density = float(np.exp(spread * np.clip(rng.standard_normal(), -2, 2)))

    def ellipsoid(
        self,
        centre: np.ndarray,
        semi_axes: tuple[float, float],
        angle: float,
        depth: float,
        attenuation: float,
    ) -> None:
        """Add an ellipsoid: thickness ``depth * sqrt(1 - u^2 - v^2)`` mm in its own axes.

        Args:
            centre: (2,) in mm.
            semi_axes: Half lengths in mm along ``angle`` and across it.
            angle: Direction of the first axis in radians.
            depth: Thickness at the centre in mm.
            attenuation: In 1/mm.
        """
        reach = max(semi_axes)
        window = self._window(centre - reach, centre + reach)
        if window is None:
            return
        x, y = self._offsets(window, centre)
        cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        u = (x * cosine + y * sine) / semi_axes[0]
        v = (y * cosine - x * sine) / semi_axes[1]
        self._deposit(window, attenuation * depth * _root(1 - u * u - v * v))

    def long_bone(
        self,
        start: np.ndarray,
        end: np.ndarray,
        radii: Sequence[float] | np.ndarray,
        cortex: float,
        attenuation: tuple[float, float] = (CORTICAL - SOFT, TRABECULAR - SOFT),
        cap: float = 0.5,
    ) -> None:
        """Add a straight bone or tooth: a cortical shell around a core, round in cross-section.

        The tips of its two caps are exactly ``start`` and ``end``.

        Args:
            start: (2,) tip in mm.
            end: (2,) tip in mm.
            radii: Radii in mm at equal steps from start to end.
            cortex: Thickness of the shell in mm.
            attenuation: Of shell and core in 1/mm, less that of the tissue they displace.
            cap: Length of the caps as a fraction of the radius; 1 is a hemisphere.
        """
        reach = float(np.max(radii))
        window = self._window(np.minimum(start, end) - reach, np.maximum(start, end) + reach)
        if window is None:
            return
        x, y = self._offsets(window, start)
        length = float(np.hypot(*(end - start)))
        direction = ((end - start) / length).astype(np.float32)
        along = x * direction[0] + y * direction[1]
        across = y * direction[0] - x * direction[1]
        radius = np.interp(along, np.linspace(0, length, len(radii)), radii).astype(np.float32)
        beyond = np.maximum(cap * radii[0] - along, along - (length - cap * radii[-1]))
        distance2 = across**2 + (np.maximum(beyond, 0) / cap) ** 2
        outer = 2 * _root(radius**2 - distance2)
        inner = 2 * _root(np.maximum(radius - cortex, 0) ** 2 - distance2)
        self._deposit(window, attenuation[0] * (outer - inner) + attenuation[1] * inner)

    def tube(
        self,
        points: np.ndarray,
        radius: float | Sequence[float],
        attenuation: float,
        hollow: float = 0.0,
        core: float = 0.0,
    ) -> None:
        """Add a round tube along an open polyline, with hemispherical ends.

        Args:
            points: (n, 2) in mm.
            radius: In mm, or several radii at equal steps of the polyline's parameter.
            attenuation: Of the wall in 1/mm.
            hollow: Radius of the core as a fraction of the radius.
            core: Attenuation of the core in 1/mm.
        """
        reach = float(np.max(radius))
        window = self._window(points.min(0) - reach, points.max(0) + reach)
        if window is None:
            return
        squared, along = squared_distances(self.axis[window[1]], self.axis[window[0]], points)
        radii: np.ndarray | float = reach
        if isinstance(radius, float | int):
            distance2 = squared.min(0)
        else:
            nearest = squared.argmin(0)[None]
            distance2 = np.take_along_axis(squared, nearest, 0)[0]
            position = np.take_along_axis(along, nearest, 0)[0] + nearest[0]
            steps = np.linspace(0, len(points) - 1, len(radius))
            radii = np.interp(position, steps, radius).astype(np.float32)
        outer = 2 * _root(radii**2 - distance2)
        if hollow == 0.0:
            self._deposit(window, attenuation * outer)
            return
        inner = 2 * _root((hollow * radii) ** 2 - distance2)
        self._deposit(window, attenuation * (outer - inner) + core * inner)

    def region(
        self,
        contour: np.ndarray,
        thickness: float,
        rounding: float,
        attenuation: float,
        rim: float = 0.0,
        cortex: float = 0.0,
        core: float = 0.0,
    ) -> None:
        """Add a body with a given outline, whose edge is rounded as a quarter of an ellipse.

        Args:
            contour: (n, 2) closed outline in mm, without the first point repeated.
            thickness: Along the beam in mm, reached ``rounding`` mm inside the outline.
            rounding: Width of the rounded edge in mm.
            attenuation: In 1/mm; of the shell where ``cortex`` is given.
            rim: Fraction of the thickness that stands upright at the outline.
            cortex: Thickness of the shell in mm; 0 makes the body homogeneous.
            core: Attenuation inside the shell in 1/mm.
        """
        window = self._window(contour.min(0), contour.max(0))
        if window is None:
            return
        rows, columns = window
        corner = np.array([columns.start, rows.start])
        covered = coverage(
            contour / self.spacing - corner, columns.stop - columns.start, rows.stop - rows.start
        )
        depth = self._depth(window, contour, covered)
        outer = rim + (1 - rim) * _quarter_ellipse(depth / rounding)
        if cortex == 0.0:
            self._deposit(window, attenuation * thickness * covered * outer)
            return
        inner = _quarter_ellipse((depth - cortex) / rounding)
        shell = attenuation * (outer - np.minimum(inner, outer)) + core * inner
        self._deposit(window, thickness * covered * shell)

    def _depth(self, window: Window, contour: np.ndarray, covered: np.ndarray) -> np.ndarray:
        """Distance in mm from the outline, positive inside, for the pixels of the window."""
        height, width = covered.shape
        step = max(1, round(float(np.sqrt(height * width / _DISTANCE_NODES))))
        rows = np.unique(np.append(np.arange(0, height, step), height - 1))
        columns = np.unique(np.append(np.arange(0, width, step), width - 1))
        closed = np.concatenate([contour, contour[:1]])
        x, y = self.axis[window[1]][columns], self.axis[window[0]][rows]
        distance = np.sqrt(squared_distances(x, y, closed)[0].min(0))
        signed = np.where(covered[np.ix_(rows, columns)] >= 0.5, distance, -distance)
        return np.asarray(interpolation(rows, height) @ signed @ interpolation(columns, width).T)

    def _window(self, low: np.ndarray, high: np.ndarray) -> Window | None:
        """The pixels that a box in mm can touch; None where it lies outside the field."""
        first = np.maximum(np.floor(low / self.spacing).astype(int) - 1, 0)
        last = np.minimum(np.ceil(high / self.spacing).astype(int) + 1, self.size)
        if (last <= first).any():
            return None
        return slice(int(first[1]), int(last[1])), slice(int(first[0]), int(last[0]))

    def _offsets(self, window: Window, origin: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """x as a row and y as a column, in mm from the origin."""
        x = self.axis[window[1]] - np.float32(origin[0])
        y = self.axis[window[0]] - np.float32(origin[1])
        return x[None, :], y[:, None]

    def _deposit(self, window: Window, value: np.ndarray) -> None:
        value = np.float32(self.density) * value
        if self.union:
            self.integral[window] = np.maximum(self.integral[window], value)
        else:
            self.integral[window] += value


def _quarter_ellipse(inward: np.ndarray) -> np.ndarray:
    """0 at the edge, 1 from ``inward`` = 1 on."""
    clipped = np.clip(inward, 0, 1)
    return np.asarray(np.sqrt(clipped * (2 - clipped)))


def _root(value: np.ndarray) -> np.ndarray:
    return np.asarray(np.sqrt(np.maximum(value, 0)))
