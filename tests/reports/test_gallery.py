"""The gallery: the right images, drawn where the landmarks lie, with the right names."""

from __future__ import annotations

import json

import numpy as np
from PIL import Image

from benchmark.reports.building import build_tables
from benchmark.reports.gallery import (
    PredictionReader,
    build_panels,
    choose_images,
    image_errors,
)
from benchmark.reports.overlays import to_picture
from benchmark.reports.pictures import Picture, PreviewLibrary
from benchmark.store import Store
from tests.reports.synthetic_data import DATASETS, image_id, truth

HAND, HEAD = DATASETS


def test_predictions_are_drawn_where_they_lie_on_the_preview() -> None:
    picture = Picture("p", "", width=10, height=20, native_width=100, native_height=100)
    # The centres of the first and the last native pixel, and the corners of the frame.
    points = np.array([[0.0, 0.0], [99.0, 99.0], [-0.5, -0.5], [99.5, 99.5]])
    expected = np.array([[-0.45, -0.4], [9.45, 19.4], [-0.5, -0.5], [9.5, 19.5]])
    np.testing.assert_allclose(to_picture(points, picture), expected)


def test_truth_in_the_gallery_lies_on_the_bright_contour(store: Store) -> None:
    cell = next(c for c in store.cells() if c.labels.dataset == HEAD.name)
    library = PreviewLibrary(store)
    picture = library.picture(str(cell.dataset_key), image_id(0))
    assert picture is not None
    folder = store.root / "datasets" / str(cell.dataset_key) / "previews"
    grey = np.asarray(Image.open(folder / "0.png"))
    points = np.rint(to_picture(truth(HEAD)[0], picture)).astype(int)
    assert all(grey[y, x] > 150 for x, y in points)
    assert library.picture(str(cell.dataset_key), "unknown") is None


def test_best_median_and_worst_are_chosen_by_the_image_error(store: Store) -> None:
    cell = next(c for c in store.cells() if c.status == "done")
    frame = store.predictions(cell.key)
    errors = image_errors(frame)
    expected = frame.groupby("image_id")["error"].mean()
    previewed = [image_id(number) for number in range(12)]
    chosen = dict(choose_images(errors, previewed))
    shown = expected[previewed]
    assert chosen["Best"] == shown.idxmin()
    assert chosen["Worst"] == shown.idxmax()
    assert (shown < shown[chosen["Median"]]).sum() == 5


def test_points_of_the_zoom_bear_the_names_and_errors_of_the_predictions(store: Store) -> None:
    tables = build_tables(store)
    previews = PreviewLibrary(store)
    panel = build_panels(tables, PredictionReader(store), previews)[0]
    cell = tables[panel.table].ranked[0].done[0]
    frame = store.predictions(cell.key)
    shown = panel.own[0]
    name = shown.caption.partition(":")[0]
    rows = frame[frame["image_id"] == name].set_index("landmark")
    landmarks = json.loads(panel.landmarks)
    points = json.loads(shown.points)
    assert sorted(landmarks) == sorted(rows.index)
    for landmark, (x_true, y_true, x, y, error) in zip(landmarks, points, strict=True):
        row = rows.loc[landmark]
        expected = to_picture(np.array([[row.x_true, row.y_true], [row.x, row.y]]), shown.picture)
        np.testing.assert_allclose([[x_true, y_true], [x, y]], expected, atol=0.005)
        assert error == f"{row.error:.2f}"


def test_a_landmark_without_truth_has_no_error_and_keeps_its_prediction(store: Store) -> None:
    tables = build_tables(store)
    panels = build_panels(tables, PredictionReader(store), PreviewLibrary(store))
    # The second landmark of the fourth image has no truth in either dataset.
    shown = [o for panel in panels for o in panel.shared + panel.own if image_id(3) in o.caption]
    assert shown
    for overlay in shown:
        x_true, y_true, x, y, error = json.loads(overlay.points)[1]
        assert (x_true, y_true, error) == (None, None, None)
        assert None not in (x, y)
