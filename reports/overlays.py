"""Truth and prediction drawn over one radiograph: paths for the gallery, points for its zoom."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmark.reports.columns import format_error

if TYPE_CHECKING:
    import pandas as pd

    from benchmark.reports.pictures import Picture


@dataclass(frozen=True)
class Overlay:
    """One radiograph with its landmarks; the paths are in px of the embedded picture.

    Attributes:
        picture: The radiograph.
        role: Best, median or worst.
        caption: Which image it is and how large its error.
        alternative: The same for those who cannot see it.
        truth: SVG path of rings at the true landmarks.
        prediction: SVG path of crosses at the predicted landmarks.
        lines: SVG path of lines from truth to prediction.
        points: JSON: for each landmark of the gallery's list, in its order, x and y of the truth,
            x and y of the prediction, in px of the embedded picture, and the error as text; null
            where one is not known.
    """

    picture: Picture
    role: str
    caption: str
    alternative: str
    truth: str
    prediction: str
    lines: str
    points: str


def overlay(
    rows: pd.DataFrame,
    landmarks: Sequence[str],
    picture: Picture,
    role: str,
    caption: str,
) -> Overlay:
    """Draw the predictions of one image.

    Args:
        rows: The image's rows of ``predictions.parquet``, native px.
        landmarks: The names of the landmarks in the order of the points.
        picture: The radiograph.
        role: Best, median or worst.
        caption: Which image it is and how large its error.
    """
    names = rows["landmark"].astype(str)
    ordered = rows.set_index(names)[~names.duplicated().to_numpy()].reindex(list(landmarks))
    truth = to_picture(ordered[["x_true", "y_true"]].to_numpy(float), picture)
    predicted = to_picture(ordered[["x", "y"]].to_numpy(float), picture)
    has_truth, has_prediction = np.isfinite(truth).all(1), np.isfinite(predicted).all(1)
    both = has_truth & has_prediction
    size = max(picture.width, picture.height) / 90
    return Overlay(
        picture=picture,
        role=role,
        caption=caption,
        alternative=f"{role} radiograph with truth and prediction. {caption}.",
        truth=_rings(truth[has_truth], size),
        prediction=_crosses(predicted[has_prediction], 0.8 * size),
        lines=_segments(truth[both], predicted[both]),
        points=_points(truth, predicted, ordered["error"].to_numpy(float)),
    )


def to_picture(points: np.ndarray, picture: Picture) -> np.ndarray:
    """Native px to px of the picture; in both, pixel centres have whole coordinates.

    Args:
        points: (n, 2) x and y in native px.
        picture: The embedded picture and its native frame.

    Returns:
        (n, 2) x and y in px of the picture.
    """
    scale = (picture.width / picture.native_width, picture.height / picture.native_height)
    return np.asarray((points + 0.5) * np.asarray(scale) - 0.5)


def _points(truth: np.ndarray, predicted: np.ndarray, errors: np.ndarray) -> str:
    numbers = [
        [
            *(round(float(value), 2) if np.isfinite(value) else None for value in (*true, *found)),
            format_error(float(error)) if np.isfinite(error) else None,
        ]
        for true, found, error in zip(truth, predicted, errors, strict=True)
    ]
    return json.dumps(numbers, separators=(",", ":"))


def _rings(points: np.ndarray, radius: float) -> str:
    r = f"{radius:.1f}"
    back = f"a{r} {r} 0 1 0 {2 * radius:.1f} 0a{r} {r} 0 1 0 {-2 * radius:.1f} 0"
    return "".join(f"M{x - radius:.1f} {y:.1f}{back}" for x, y in points)


def _crosses(points: np.ndarray, arm: float) -> str:
    stroke = f"l{2 * arm:.1f} {2 * arm:.1f}m0 {-2 * arm:.1f}l{-2 * arm:.1f} {2 * arm:.1f}"
    return "".join(f"M{x - arm:.1f} {y - arm:.1f}{stroke}" for x, y in points)


def _segments(starts: np.ndarray, ends: np.ndarray) -> str:
    return "".join(
        f"M{a:.1f} {b:.1f}L{c:.1f} {d:.1f}" for (a, b), (c, d) in zip(starts, ends, strict=True)
    )
