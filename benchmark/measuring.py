"""What a cell predicts for the test images: written, and measured beside the mean shape."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmark.accounting import counted
from benchmark.metrics import Metrics, mean_shape, place_shape, radial_errors, summarise
from benchmark.prepared import PreparedDataset
from benchmark.schema import CellMetrics, Floor


def write_predictions(
    path: Path, data: PreparedDataset, test: list[int], predicted: np.ndarray
) -> CellMetrics:
    """Write one row an image and landmark, and measure from the same numbers."""
    import pandas as pd

    truth, spacing = data.points[test], data.spacing[test]
    error = radial_errors(predicted, truth, spacing)
    error_px = radial_errors(predicted, truth)
    names = data.record.landmark_names
    frame = pd.DataFrame(
        {
            "image_id": np.repeat([data.ids[row] for row in test], len(names)),
            "landmark": np.tile(names, len(test)),
            "x": predicted[..., 0].ravel(),
            "y": predicted[..., 1].ravel(),
            "x_true": truth[..., 0].ravel(),
            "y_true": truth[..., 1].ravel(),
            "error_px": error_px.ravel(),
            "error": error.ravel(),
            "unit": data.record.unit,
            "spacing_x": np.repeat(spacing[:, 0], len(names)),
            "spacing_y": np.repeat(spacing[:, 1], len(names)),
        }
    )
    frame.to_parquet(path, index=False)
    return _metrics(summarise(error, data.record.thresholds), names, float(np.nanmean(error_px)))


def _metrics(summary: Metrics, names: tuple[str, ...], mre_px: float) -> CellMetrics:
    return CellMetrics(
        mre=summary.mre,
        mre_std=summary.std,
        median=summary.median,
        p95=summary.p95,
        sdr={str(threshold): percent for threshold, percent in summary.sdr.items()},
        n_images=summary.n_images,
        n_points=summary.n_points,
        per_landmark={
            name: None if np.isnan(value) else value
            for name, value in zip(names, summary.per_landmark, strict=True)
        },
        mre_px=mre_px,
    )


@counted("evaluation")
def floor_of(data: PreparedDataset, shots: list[int], test: list[int]) -> Floor:
    """The mean-shape predictor: the average of the shots' landmarks in every test image."""
    shape = mean_shape(data.points[shots], data.sizes[shots])
    placed = place_shape(shape, data.sizes[test])
    errors = radial_errors(placed, data.points[test], data.spacing[test])
    summary = summarise(errors, data.record.thresholds)
    return Floor(mre=summary.mre, sdr={str(t): percent for t, percent in summary.sdr.items()})
