"""The command `run` around its work: what is written down first, and how a plan is shown."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from benchmark.config import RunConfig
from benchmark.engines.base import Outcome
from benchmark.engines.local import LocalEngine
from benchmark.files import write_record
from benchmark.planning import make_plan
from benchmark.reports.claim import declared_claim
from benchmark.requests import run_config
from benchmark.running import dry_run, idle_share, run
from benchmark.schema import CellRecord, RunRecord
from benchmark.store import Store
from benchmark.tasks import Task


def request(output: Path, **flags: object) -> RunConfig:
    """A run of one method and its control on ten phantoms."""
    values = {
        "preset": str(Path(__file__).parent / "conf" / "tiny.toml"),
        "datasets": "phantom-cephalometric[train=10,test=3,size=64]",
        "methods": "ddpm",
        "shots": "5",
        "device": "cpu",
        "output": str(output),
    }
    return run_config(values | flags)


def shown(what: RunConfig, width: int = 200) -> str:
    console = Console(file=io.StringIO(), width=width)
    dry_run(what, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def told_by_run(config: RunConfig) -> str:
    console = Console(file=io.StringIO(), width=200)
    run(config, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_plan_names_a_network_with_its_brackets(tmp_path: Path) -> None:
    network = "timm/resnet10t[norm=group]"
    assert network in shown(request(tmp_path, methods="scratch", backbones=network))


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that does nothing, and nothing that would have to be shown of it."""
    monkeypatch.setattr(LocalEngine, "run", lambda *_: Outcome())
    monkeypatch.setattr("benchmark.running._render", lambda *_: None)


def test_a_run_that_is_interrupted_has_left_what_it_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    seen: list[RunRecord] = []

    def interrupted(_: LocalEngine, tasks: tuple[Task, ...]) -> Outcome:
        seen.extend(store.runs())
        raise KeyboardInterrupt

    monkeypatch.setattr(LocalEngine, "run", interrupted)
    config = request(tmp_path, margin=0.1)
    with pytest.raises(KeyboardInterrupt):
        run(config, Console(file=io.StringIO()))
    assert seen == store.runs()
    (record,) = seen
    assert record.cells == tuple(cell.key for cell in make_plan(config).cells)
    assert len(record.cells) == 2
    assert record.finished == ""
    assert record.margin == 0.1


@pytest.mark.usefixtures("idle")
def test_a_run_that_ends_has_one_record_with_its_end(tmp_path: Path) -> None:
    told_by_run(request(tmp_path))
    (record,) = Store(tmp_path).runs()
    assert record.finished >= record.started
    assert record.margin is None


@pytest.mark.usefixtures("idle")
def test_a_margin_that_takes_the_place_of_another_is_said(tmp_path: Path) -> None:
    assert "the margin" not in told_by_run(request(tmp_path, margin=0.1))
    assert "the margin" not in told_by_run(request(tmp_path, margin=0.1))
    assert "the margin" not in told_by_run(request(tmp_path))
    text = told_by_run(request(tmp_path, margin=0.5))
    assert "note: the margin 0.5 takes the place of 0.1" in text
    assert [record.margin for record in Store(tmp_path).runs()] == [0.1, 0.1, None, 0.5]


@pytest.mark.usefixtures("idle")
def test_the_last_claim_that_was_put_to_the_test_is_the_one_of_the_reports(tmp_path: Path) -> None:
    told_by_run(request(tmp_path, claim="ddpm"))
    told_by_run(request(tmp_path))
    store = Store(tmp_path)
    assert [record.claim for record in store.runs()] == ["ddpm", None]
    assert declared_claim(store) == "ddpm"
    store.claim = "simclr"
    assert declared_claim(store) == "simclr"


def finish(config: RunConfig) -> None:
    """Put every cell of a run into its store, without its numbers."""
    for cell in make_plan(config).cells:
        with Store(config.output).folder("cells", cell.key) as folder:
            record = CellRecord(key=cell.key, status="done", spec={}, labels=cell.labels)
            write_record(folder / "cell.json", record)


@pytest.mark.usefixtures("idle")
def test_a_margin_declared_after_the_results_is_not_recorded_and_that_is_said(
    tmp_path: Path,
) -> None:
    finish(request(tmp_path))
    text = told_by_run(request(tmp_path, margin=0.2, claim="ddpm"))
    assert "report --margin 0.2" in text
    assert "report --claim ddpm" in text
    assert "the margin" not in told_by_run(request(tmp_path))
    assert Store(tmp_path).runs() == []


def test_a_margin_is_in_no_key(tmp_path: Path) -> None:
    def keys(config: RunConfig) -> list[tuple[str, str | None]]:
        cells = make_plan(config).cells
        return [(c.key, c.spec.pretraining.key if c.spec.pretraining else None) for c in cells]

    assert keys(request(tmp_path, margin=0.1)) == keys(request(tmp_path))


def test_reports_are_in_no_key(tmp_path: Path) -> None:
    def keys(config: RunConfig) -> list[str]:
        return [cell.key for cell in make_plan(config).cells]

    assert keys(request(tmp_path, reports="none")) == keys(request(tmp_path))


@pytest.mark.parametrize(
    ("asked", "words"),
    [("none", "No report written"), ("csv", "Reports: "), ("html", "report.html")],
)
def test_the_last_line_says_where_the_reports_are(tmp_path: Path, asked: str, words: str) -> None:
    config = request(tmp_path, reports=asked)
    finish(config)
    assert words in told_by_run(config).splitlines()[-1]
    assert (tmp_path / "leaderboard.csv").exists() == (asked == "csv")
    assert (tmp_path / "report.html").exists() == (asked == "html")


def test_a_terminal_of_80_columns_shows_every_name_of_the_demo_whole(tmp_path: Path) -> None:
    demo = run_config({"methods": "ddpm,simclr,moco", "shots": "50", "output": str(tmp_path)})
    lines = shown(demo, width=80).splitlines()
    cells = make_plan(demo).cells
    assert len(cells) == 4
    for cell in cells:
        (line,) = [line for line in lines if cell.key in line]
        labels = cell.labels
        names = [labels.dataset, labels.method, labels.backbone]
        assert line.split() == ["to", "do", *names, str(labels.shots), str(labels.seed), cell.key]


def test_the_transfer_is_shown_where_there_is_another_than_the_default(tmp_path: Path) -> None:
    assert "transfer" not in shown(request(tmp_path))
    text = shown(request(tmp_path, transfer="whole,frozen"))
    assert "transfer" in text
    assert text.count(" frozen ") == text.count(" whole ") == 2


def test_a_name_too_long_for_the_terminal_goes_on_in_the_next_line(tmp_path: Path) -> None:
    network = "timm/tf_efficientnet_lite0"
    text = shown(request(tmp_path, backbones=network), width=80)
    first, *rest = text.split("ddpm")[1].split("scratch")[0].splitlines()
    pieces = [first.split()[0], *(line.split()[-1] for line in rest if line.strip())]
    assert "".join(pieces).startswith(network)
    assert "…" not in text


def test_the_state_of_each_cell_is_told(tmp_path: Path) -> None:
    config = request(tmp_path)
    finish(config)
    more = shown(request(tmp_path, shots="5,6"))
    assert more.count("\ndone ") == 2
    assert more.count("\nto do ") == 2


def test_idle_is_the_time_of_workers_without_a_task() -> None:
    assert idle_share(busy=30.0, workers=2, seconds=20.0) == pytest.approx(0.25)
    assert idle_share(busy=41.0, workers=2, seconds=20.0) == 0.0
    assert idle_share(busy=0.0, workers=2, seconds=20.0) is None
