"""From a line integral to a radiograph: beam, scatter, detector, noise, logarithm and display."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmark.datasets.phantom.curves import interpolation

# The mean line integral of a subject from which on its scatter is that of a thick one.
_THICK = 2.5


@dataclass(frozen=True)
class Exposure:
    """The settings of one radiograph.

    Attributes:
        photons: Mean number of photons a pixel behind the subject; automatic exposure control
            holds this constant, whatever the thickness of the subject.
        scatter_ratio: Scatter to primary behind a thick subject (with a grid: 0.1 to 0.9); less in
            proportion behind a thin one.
        scatter_width: Standard deviation of the scatter's spread in mm.
        heel: Relative fall of the beam along x and y over the field (the anode's heel effect).
        blur: Standard deviation of the detector's blur in mm.
        electronic_noise: Standard deviation in photons.
        window: Percentiles of the subject in the logarithmic image for black and for white.
        air: How far black is pulled from the subject (0) to the open beam (1) or beyond it.
        gamma: Exponent of the display curve.
        shutter_level: What the display shows behind the collimator, 0..1.
    """

    photons: float
    scatter_ratio: float
    scatter_width: float
    heel: tuple[float, float]
    blur: float
    electronic_noise: float
    window: tuple[float, float]
    air: float
    gamma: float
    shutter_level: float


def sample_exposure(rng: np.random.Generator, dose: float | None) -> Exposure:
    """Draw the settings; a given dose replaces the drawn one and moves no other setting."""
    photons = float(10 ** rng.uniform(2.5, 3.8))
    return Exposure(
        photons=photons if dose is None else dose,
        scatter_ratio=float(rng.uniform(0.1, 0.9)),
        scatter_width=float(rng.uniform(15, 40)),
        heel=(float(rng.uniform(-0.1, 0.1)), float(rng.uniform(-0.2, 0.2))),
        blur=float(rng.uniform(0.3, 0.8)),
        electronic_noise=float(rng.uniform(2, 5)),
        window=(float(rng.uniform(0.5, 4.0)), float(rng.uniform(98.0, 99.9))),
        air=float(rng.uniform(0.0, 1.15)),
        gamma=float(np.exp(rng.uniform(-0.45, 0.4))),
        shutter_level=float(rng.random() < 0.3),
    )


def expose(
    integral: np.ndarray,
    shutter: np.ndarray,
    spacing: float,
    exposure: Exposure,
    rng: np.random.Generator,
) -> np.ndarray:
    """Expose, detect and display.

    Beer-Lambert's law with scatter that arises in the subject (its source is what the beam loses
    there, spread by a Gaussian), counts N ~ Poisson(I) + Normal(0, sigma^2) (Foi et al., IEEE
    TIP 2008), the logarithm, a window between percentiles and a display curve.

    Args:
        integral: (height, width) line integral of attenuation.
        shutter: (height, width) 1 where the beam is open.
        spacing: mm per px.
        exposure: The settings.
        rng: Draws the noise.

    Returns:
        (height, width) uint8, bone bright.
    """
    from scipy import ndimage

    primary = np.exp(-integral)
    lost = primary * (1 - primary)
    scatter = _spread(lost, exposure.scatter_width / spacing)
    behind = integral > 0.1
    ratio = exposure.scatter_ratio * min(1.0, float(integral[behind].mean()) / _THICK)
    scatter *= ratio * primary[behind].mean() / scatter[behind].mean()
    signal = (primary + scatter) * _heel(integral.shape, exposure.heel)
    gain = exposure.photons / signal[behind].mean()
    expected = ndimage.gaussian_filter(gain * signal, exposure.blur / spacing, truncate=3.0)
    counts = rng.poisson(expected).astype(np.float32)
    counts += exposure.electronic_noise * rng.standard_normal(counts.shape, dtype=np.float32)
    # The floor keeps the few starved pixels from stretching the logarithm.
    image = -np.log(np.maximum(counts, 0.02 * exposure.photons + 1) / gain)
    low, high = _display_window(image, shutter > 0.5, behind, exposure)
    display = np.clip((image - low) / max(high - low, 1e-6), 0, 1) ** exposure.gamma
    display = shutter * display + (1 - shutter) * exposure.shutter_level
    return np.asarray(np.rint(255 * display), np.uint8)


def texture(shape: tuple[int, int], grain: float, rng: np.random.Generator) -> np.ndarray:
    """Smooth noise of unit variance or a little less: random values at nodes, interpolated.

    Args:
        shape: Height and width in px.
        grain: Distance of the nodes in px, at least 1.
        rng: Draws the values.

    Returns:
        (height, width) float32.
    """
    weights = []
    for length in shape:
        nodes = np.linspace(0, length - 1, max(2, round(length / max(grain, 1.0)) + 1))
        weights.append(interpolation(nodes, length))
    values = rng.standard_normal((weights[0].shape[1], weights[1].shape[1]), dtype=np.float32)
    return np.asarray(weights[0] @ values @ weights[1].T)


def _display_window(
    image: np.ndarray, open_beam: np.ndarray, behind: np.ndarray, exposure: Exposure
) -> tuple[float, float]:
    """The levels of the logarithmic image that become black and white."""
    low, high = np.percentile(image[open_beam & behind], exposure.window)
    beside = image[open_beam & ~behind]
    if beside.size > 0.01 * image.size:
        low += exposure.air * min(float(np.median(beside)) - low, 0.0)
    return float(low), float(high)


def _heel(shape: tuple[int, ...], slope: tuple[float, float]) -> np.ndarray:
    y = np.linspace(-0.5, 0.5, shape[0], dtype=np.float32)[:, None]
    x = np.linspace(-0.5, 0.5, shape[1], dtype=np.float32)[None, :]
    return np.asarray((1 + slope[0] * x) * (1 + slope[1] * y))


def _spread(image: np.ndarray, width: float) -> np.ndarray:
    """A wide Gaussian blur, computed on a grid that is as coarse as the blur allows."""
    blurred = image
    for axis in (0, 1):
        length = image.shape[axis]
        coarse = max(4, int(np.ceil(4 * length / width)))
        nodes = np.linspace(0, length - 1, min(coarse, length))
        offset = nodes[:, None] - np.arange(length)[None, :]
        kernel = np.exp(-0.5 * (offset / width) ** 2).astype(np.float32)
        kernel /= kernel.sum(1, keepdims=True)
        matrix = interpolation(nodes, length) @ kernel
        blurred = matrix @ blurred if axis == 0 else blurred @ matrix.T
    return blurred
