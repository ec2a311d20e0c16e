"""Both metrics of one table: what they say, what they say of themselves, and what is left out."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from benchmark.metrics import radial_errors
from benchmark.published_metric import FLAWS
from benchmark.registry import registry
from benchmark.reports.html import HtmlReport
from benchmark.reports.metric_report import NOTHING, ReleasedMetric
from benchmark.reports.published_metric import CAPTION, MetricTable, metric_tables
from benchmark.store import Store
from tests.reports.store_builder import build_store
from tests.reports.synthetic_data import DATASETS, STRATEGIES, Data

HAND, HEAD = DATASETS
SKULL = Data(**(vars(HEAD) | {"landmarks": tuple(f"point {n}" for n in range(19))}))


def store_of(root: Path, data: Data, **changes: object) -> Store:
    settings = {"datasets": [data], "strategies": STRATEGIES[:2], "shots": [25], "seeds": [0, 1]}
    return build_store(root, **(settings | {"failed": ()} | changes))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return store_of(tmp_path_factory.mktemp("runs"), SKULL)


@pytest.fixture(scope="module")
def table(store: Store) -> MetricTable:
    (found,) = metric_tables(store)
    return found


def test_the_number_of_landmarks_tells_what_the_code_would_take_it_for(
    table: MetricTable, tmp_path: Path
) -> None:
    assert (table.kind, table.unit) == ("head", "mm")
    (chest,) = metric_tables(store_of(tmp_path / "six", HEAD))
    assert (chest.kind, chest.unit) == ("chest", "px@256")
    assert list(metric_tables(store_of(tmp_path / "five", HAND))) == []


def test_means_are_over_seeds_and_the_flaws_are_those_of_the_points(
    store: Store, table: MetricTable
) -> None:
    for line in table.lines:
        per_seed = []
        for cell in line.row.done:
            points = store.points(cell.key)
            grid = 256 / np.array(SKULL.size)
            swapped = np.array(SKULL.spacing)[::-1] * np.array(SKULL.size)[::-1] / 256
            errors = radial_errors(
                np.rint(points.predicted * grid), np.rint(points.truth * grid), swapped
            )
            per_seed.append(np.nanmean(errors))
        assert line.mre == pytest.approx(np.mean(per_seed))
        assert line.interval.low < line.mre < line.interval.high
        assert set(line.without) == set(FLAWS["head"])
        assert list(line.sdr.values()) == sorted(line.sdr.values())


def test_the_file_says_what_each_number_is(store: Store, table: MetricTable) -> None:
    text = ReleasedMetric().render(store)
    assert CAPTION in text
    assert "spacing of x and y exchanged" in text
    for line in table.lines:
        assert f"| {line.row.name} | {line.row.number('mre'):.2f} \\[" in text
        assert f"| {line.mre:.2f} \\[{line.interval.low:.2f}, " in text
    rows = [row for row in text.splitlines() if row.startswith("|")]
    assert len({row.count(" | ") for row in rows}) == 1


@pytest.mark.parametrize("width", [80, 120])
def test_the_terminal_shows_every_number_within_its_width(
    store: Store, table: MetricTable, width: int
) -> None:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    registry("report").load("published-metric")().show(store, console)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert max(map(len, text.splitlines())) <= width
    for line in table.lines:
        for number in table.texts(line, brief=True)[1:]:
            assert number in text


def test_the_page_shows_both_metrics(store: Store, table: MetricTable) -> None:
    page = HtmlReport().render(store)
    assert "The same predictions under the metric of the paper" in page
    for line in table.lines:
        assert f">{table.texts(line)[2]}</td>" in page


def test_files_are_of_real_radiographs_alone(tmp_path: Path) -> None:
    computed = store_of(tmp_path, Data(**(vars(SKULL) | {"synthetic": True})))
    assert "No real radiographs" in ReleasedMetric().render(computed)
    assert list(metric_tables(computed, synthetic=False)) == []
    assert len(list(metric_tables(computed))) == 1


def test_what_cannot_be_measured_is_named_and_costs_only_itself(tmp_path: Path) -> None:
    broken = store_of(tmp_path, SKULL)
    (index,) = tmp_path.glob("datasets/*/index.json")
    index.write_text("{")
    assert list(metric_tables(broken)) == []
    assert all("no released metric" in problem for problem in broken.problems)
    assert len(broken.problems) == 4
    console = Console(width=100, file=io.StringIO(), color_system=None)
    ReleasedMetric().show(broken, console)
    assert isinstance(console.file, io.StringIO)
    assert NOTHING.split()[0] in console.file.getvalue()
