"""The datasets and strategies of the stores that the tests of the reports read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

TIMM = "timm/tf_efficientnet_lite0"


@dataclass(frozen=True)
class Strategy:
    """A method on a backbone and the error that it is given."""

    method: str
    title: str
    backbone: str
    error: float
    control: bool = False


@dataclass(frozen=True)
class Data:
    """A dataset and the errors of its test images."""

    name: str
    title: str
    synthetic: bool
    unit: str
    thresholds: tuple[float, ...]
    landmarks: tuple[str, ...]
    size: tuple[int, int] = (600, 750)
    spacing: tuple[float, float] = (0.3, 0.3)
    annotator_distance: float | None = None
    test_images: int = 30


STRATEGIES = (
    Strategy("scratch", "From scratch", "unet", 2.4, control=True),
    Strategy("ddpm", "DDPM", "unet", 1.6),
    Strategy("simclr", "SimCLR", "unet", 2.0),
    Strategy("scratch", "From scratch", TIMM, 2.6, control=True),
    Strategy("simclr", "SimCLR", TIMM, 1.9),
    Strategy("imagenet", "ImageNet", TIMM, 1.75),
)
DATASETS = (
    Data(
        name="phantom-hand",
        title="Hand phantom",
        synthetic=True,
        unit="mm",
        thresholds=(2.0, 4.0, 10.0),
        landmarks=("radial styloid", "ulnar styloid", "capitate", "thumb tip", "little tip"),
    ),
    Data(
        name="cephalometric",
        title="Cephalograms (ISBI 2015)",
        synthetic=False,
        unit="mm",
        thresholds=(2.0, 2.5, 3.0, 4.0),
        landmarks=("sella", "nasion", "orbitale", "porion", "menton", "gonion"),
        size=(1935, 2400),
        spacing=(0.1, 0.1),
        annotator_distance=1.13,
    ),
)


def image_id(number: int) -> str:
    """The id of a test image."""
    return f"test-{number:02d}"


def truth(data: Data) -> np.ndarray:
    """(images, landmarks, 2) true points in native px; one is missing."""
    rng = np.random.default_rng(7)
    width, height = data.size
    angles = np.linspace(0.3, 5.7, len(data.landmarks))
    mean = np.stack([0.5 + 0.27 * np.cos(angles), 0.5 + 0.3 * np.sin(angles)], 1)
    shapes = mean + rng.normal(0, 0.035, (data.test_images, 1, 2))
    shapes = shapes + rng.normal(0, 0.012, (data.test_images, len(data.landmarks), 2))
    points = shapes * np.array([width, height])
    points[3, 1] = np.nan
    return np.asarray(points)


def draw_radiograph(points: np.ndarray, data: Data, seed: int, longest: int = 320) -> Any:
    """A grey picture with a bright contour through the landmarks, at preview size."""
    from PIL import Image, ImageDraw, ImageFilter

    scale = longest / max(data.size)
    size = (round(data.size[0] * scale), round(data.size[1] * scale))
    ratio = np.array(size) / np.array(data.size)
    line = [tuple(p) for p in (points + 0.5) * ratio - 0.5 if np.isfinite(p).all()]
    image = Image.new("L", size, 18)
    draw = ImageDraw.Draw(image)
    draw.ellipse([size[0] * 0.1, size[1] * 0.06, size[0] * 0.9, size[1] * 0.96], fill=64)
    draw.polygon(line, fill=110)
    draw.line([*line, line[0]], fill=205, width=9, joint="curve")
    image = image.filter(ImageFilter.GaussianBlur(2.2))
    noise = np.random.default_rng(seed).normal(0, 7, (size[1], size[0]))
    return Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))
