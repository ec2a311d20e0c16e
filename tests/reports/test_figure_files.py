"""The figures as files: which there are, what is in them, and that they are the same each time."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.reports.figure_files import (
    FORMATS,
    MOST_TABLES,
    FigureFilesReport,
    planned,
    safe_names,
    saved,
)
from benchmark.reports.figures import dots_drawing
from benchmark.reports.palettes import page_variables
from benchmark.reports.styles import LIGHT, series_styles
from benchmark.snapshot import Snapshot
from benchmark.store import Store
from tests.reports.store_builder import build_store
from tests.reports.synthetic_data import DATASETS, STRATEGIES
from tests.reports.table_builder import make_table


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """One dataset, three strategies on one backbone, one number of shots, two seeds."""
    root = tmp_path_factory.mktemp("figures") / "runs"
    return build_store(root, datasets=DATASETS[:1], strategies=STRATEGIES[:3], shots=(10,))


@pytest.fixture(scope="module")
def dots() -> dict[str, bytes]:
    """One figure in every format."""
    table = make_table(3)
    return saved(dots_drawing(table, series_styles([table])))


def test_every_figure_of_a_table_is_there_in_every_format_and_listed(small: Store) -> None:
    files = FigureFilesReport().files(small)
    kinds = ("strategies", "errors", "pairs", "landmarks", "cost")
    figures = {f"figures/phantom-hand-10-{kind}.{ending}" for kind in kinds for ending in FORMATS}
    assert set(files) == figures | {"figures/README.md"}
    assert all(f"`phantom-hand-10-{kind}`" in str(files["figures/README.md"]) for kind in kinds)


def test_several_shots_and_datasets_add_their_curves(store: Store) -> None:
    names = set(planned(store))
    assert {"cephalometric-efficiency", "phantom-hand-efficiency", "overall-profile"} <= names
    assert {"cephalometric-10-pairs", "cephalometric-50-pairs"} <= names


def test_of_many_tables_only_the_largest_number_of_shots_is_drawn(tmp_path: Path) -> None:
    shots = range(1, MOST_TABLES + 2)
    store = build_store(
        tmp_path / "runs",
        datasets=DATASETS[:1],
        strategies=STRATEGIES[:1],
        shots=shots,
        seeds=(0,),
        failed=(),
    )
    names = [name for name in planned(store) if name.startswith("phantom-hand")]
    assert "phantom-hand-efficiency" in names
    numbers = {name.split("-")[2] for name in names} - {"efficiency"}
    assert numbers == {str(MOST_TABLES + 1)}


def test_the_same_store_gives_the_same_bytes(small: Store) -> None:
    name, drawing = next(iter(planned(small).items()))
    assert saved(drawing) == saved(planned(Snapshot(small.root))[name])


def test_nothing_in_a_file_tells_when_or_with_what_it_was_made(dots: dict[str, bytes]) -> None:
    assert b"CreationDate" not in dots["pdf"]
    assert b"Producer" not in dots["pdf"]
    assert b"<dc:date>" not in dots["svg"]
    assert b"Software" not in dots["png"]


def test_fonts_in_the_pdf_are_truetype_and_embedded(dots: dict[str, bytes]) -> None:
    assert b"/FontFile2" in dots["pdf"]
    assert b"/Type3" not in dots["pdf"]


def test_files_have_the_real_colours(dots: dict[str, bytes]) -> None:
    svg = dots["svg"].decode()
    assert LIGHT[0] in svg
    assert "var(--" not in svg
    assert not [colour for colour in page_variables() if colour in svg]


def test_the_picture_is_on_white_and_sharp_enough_for_print(dots: dict[str, bytes]) -> None:
    from PIL import Image

    with Image.open(io.BytesIO(dots["png"])) as picture:
        assert picture.convert("RGBA").getpixel((0, 0)) == (255, 255, 255, 255)
        assert picture.width == pytest.approx(470 / 72 * 200, abs=1)


def test_a_file_tells_what_it_shows(dots: dict[str, bytes]) -> None:
    assert "<dc:title>Mean radial error in mm: DDPM on unet 1.00" in dots["svg"].decode()


def test_unreadable_predictions_are_named_and_leave_the_rest(tmp_path: Path) -> None:
    store = build_store(
        tmp_path / "runs",
        datasets=DATASETS[:1],
        strategies=STRATEGIES[:1],
        shots=(10,),
        seeds=(0,),
        failed=(),
    )
    for path in store.root.glob("cells/*/predictions.parquet"):
        path.write_bytes(b"broken")
    names = planned(store)
    assert "phantom-hand-10-errors" not in names
    assert "phantom-hand-10-landmarks" in names
    assert any("predictions.parquet" in problem for problem in store.problems)


def test_an_empty_store_has_no_figures(tmp_path: Path) -> None:
    assert FigureFilesReport().files(Store(tmp_path)) == {}


def test_names_for_files_are_safe() -> None:
    assert safe_names(["../../etc/passwd", "Hand (left)", "手"]) == [
        "etc-passwd",
        "hand-left",
        "dataset",
    ]


@given(st.lists(st.sampled_from(["a", "a!", "A", "a-2", "a 2", "手", "x" * 80, "x" * 90])))
def test_different_names_stay_different_and_short(names: list[str]) -> None:
    safe = safe_names(names)
    assert len(set(safe)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9-]{1,64}", name) for name in safe)


def test_the_figures_need_no_torch() -> None:
    script = "import sys, benchmark.reports.figure_files; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
