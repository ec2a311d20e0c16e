"""Tuned rows beside default ones, and what the reports show of searches for options."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.errors import UsageError
from benchmark.files import write_record
from benchmark.reports.building import build_tables
from benchmark.reports.comparison import duels
from benchmark.reports.figure_files import planned, saved
from benchmark.reports.html import HtmlReport
from benchmark.reports.leaderboard import render_csv
from benchmark.reports.missing import outstanding
from benchmark.reports.styles import series_styles
from benchmark.reports.tables import LeaderboardTable
from benchmark.reports.tuning import comparable, tuning_sections
from benchmark.schema import RunRecord
from benchmark.snapshot import Snapshot
from benchmark.store import Store
from benchmark.tuning.records import StudyRecord, TrialRecord, TunedDimension, TuningSource
from benchmark.tuning.space import LEARNING_RATE, PRETRAINING_RATE, TITLES, WARMUP, WEIGHT_DECAY
from tests.reports.store_builder import build_store
from tests.reports.synthetic_data import DATASETS, STRATEGIES

SOURCE = TuningSource(
    study="0123456789abcdef",
    dataset="phantom-chest",
    score="folds",
    folds=3,
    shots=10,
    seeds=(0,),
    trials=20,
    preset="quick",
)
RATES = {"scratch": 0.001, "ddpm": 0.0005}


def tuned_store(root: Path, source: TuningSource = SOURCE) -> Store:
    """Scratch, DDPM and SimCLR with default options; the first two tuned, each at its own rate."""
    common = {"datasets": DATASETS[:1], "shots": (10,), "failed": ()}
    store = build_store(root, strategies=STRATEGIES[:3], **common)  # type: ignore[arg-type]
    for strategy in STRATEGIES[:2]:
        protocol = {"version": 1, "steps": 200, "learning_rate": RATES[strategy.method]}
        build_store(
            root,
            strategies=[strategy],
            spec_changes={"protocol": protocol | {"decoder": "local"}, "tuned": True},
            tuned=source,
            **common,  # type: ignore[arg-type]
        )
    return store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return tuned_store(tmp_path_factory.mktemp("tuned") / "runs")


@pytest.fixture(scope="module")
def table(store: Store) -> LeaderboardTable:
    (table,) = build_tables(store)
    return table


def test_default_and_tuned_options_are_two_rows_told_apart_by_that_word(
    table: LeaderboardTable,
) -> None:
    assert {row.identity[::3]: len(row.done) for row in table.rows} == {
        ("scratch", ""): 2,
        ("scratch", "tuned"): 2,
        ("ddpm", ""): 2,
        ("ddpm", "tuned"): 2,
        ("simclr", ""): 2,
    }
    names = {row.name for row in table.rows}
    assert {"DDPM on unet", "DDPM on unet (tuned)"} <= names


def test_the_gain_of_a_tuned_row_is_over_scratch_that_was_tuned_as_well(
    table: LeaderboardTable,
) -> None:
    rows = {row.identity[::3]: row for row in table.rows}
    for variant in ("", "tuned"):
        row, control = rows["ddpm", variant], rows["scratch", variant]
        assert table.control_of(row) is control
        mres = [r.number("mre") or 0.0 for r in (row, control)]
        assert row.number("gain") == pytest.approx(100 * (1 - mres[0] / mres[1]))
        assert row.intervals["gain"].estimate == pytest.approx(row.number("gain"))


def test_a_tuned_row_without_tuned_scratch_has_no_gain(tmp_path: Path) -> None:
    store = tuned_store(tmp_path / "runs")
    for cell in store.cells():
        if cell.labels.method == "scratch" and cell.labels.tuned:
            (store.root / "cells" / cell.key / "cell.json").unlink()
    (table,) = build_tables(store)
    gains = {row.identity[::3]: row.number("gain") for row in table.rows}
    assert gains["ddpm", "tuned"] is None
    assert gains["ddpm", ""] is not None


def test_a_tuned_row_has_the_colour_of_its_method_and_another_line(
    table: LeaderboardTable,
) -> None:
    styles = series_styles([table])
    default, tuned = (styles[r.identity] for r in table.rows if r.identity.method == "ddpm")
    assert default.slot == tuned.slot
    assert default.dashes != tuned.dashes


def test_a_comparison_can_name_each_row(store: Store) -> None:
    snapshot = Snapshot(store.root)

    def compared(first: str, second: str) -> list[tuple[str, str]]:
        return [(d.first.name, d.second.name) for d in duels(snapshot, (first, second))]

    both = ("DDPM on unet", "DDPM on unet (tuned)")
    assert compared("ddpm,default", "ddpm,tuned") == [both]
    assert compared("ddpm", "ddpm,tuned") == [both]
    assert compared("ddpm,tuned", "simclr") == [(both[1], "SimCLR on unet")]
    # Like is compared with like.
    assert compared("ddpm", "scratch") == [
        ("DDPM on unet", "From scratch on unet"),
        ("DDPM on unet (tuned)", "From scratch on unet (tuned)"),
    ]
    assert compared("ddpm,default", "scratch,tuned") == [
        ("DDPM on unet", "From scratch on unet (tuned)")
    ]
    with pytest.raises(UsageError, match="are the same row"):
        compared("ddpm,tuned", "ddpm,tuned")


def test_the_notes_say_how_options_were_chosen(tmp_path: Path, table: LeaderboardTable) -> None:
    assert any(SOURCE.sentence in note and "tuned as well" in note for note in table.notes)
    own = {"dataset": DATASETS[0].name, "shots": 25}
    (other,) = build_tables(tuned_store(tmp_path / "more", SOURCE.model_copy(update=own)))
    assert any("within more labelled images" in note for note in other.notes)
    assert not any("within more labelled images" in note for note in table.notes)
    val = own | {"score": "val", "shots": 5}
    (third,) = build_tables(tuned_store(tmp_path / "val", SOURCE.model_copy(update=val)))
    assert any("tuned on validation images of this dataset" in note for note in third.notes)


def test_the_table_file_tells_them_apart(store: Store) -> None:
    lines = render_csv(store).splitlines()
    assert sum("tuned" in line for line in lines) == 2


def test_missing_tuned_cells_are_named(tmp_path: Path) -> None:
    store = tuned_store(tmp_path / "runs")
    cells = store.cells()
    gone = next(c for c in cells if c.labels.tuned and c.labels.method == "ddpm")
    (store.root / "cells" / gone.key / "cell.json").unlink()
    record = RunRecord(started="2026-01-02T00:00:00", cells=(gone.key,))
    write_record(store.root / "runs" / "later.json", record)
    left = store.cells()
    missing = outstanding(store, left, build_tables(store))
    assert missing.unnamed == 0
    assert [(g.strategy, g.seeds) for g in missing.groups] == [
        ("DDPM on unet, tuned", (gone.labels.seed,))
    ]


def study(method: str, title: str, key: str, own: str) -> StudyRecord:
    """A search of seven trials: four finished, two pruned, one failed."""
    names = (LEARNING_RATE, WEIGHT_DECAY, own)
    dimensions = tuple(
        TunedDimension(name=n, title=TITLES[n], low=1e-3, high=1e-1, default=1e-2) for n in names
    )
    scores = [(3.0, "complete"), (2.0, "complete"), (2.5, "complete"), (50.0, "complete")]
    scores += [(6.0, "pruned"), (7.0, "pruned"), (0.0, "failed")]
    trials = tuple(
        TrialRecord(
            number=number,
            state=state,
            values=dict.fromkeys(names, 1e-2 if not number else 1e-3 * 2**number),
            score=score or None,
            trainings=3 if state == "complete" else 1,
            errors=(score - 0.5, score + 0.5, score, score + 0.1, score - 0.1) if score else (),
            reason="RuntimeError: no" if state == "failed" else "",
        )
        for number, (score, state) in enumerate(scores)
    )
    cell = {"dataset": {"title": "phantom-chest"}, "protocol": {}, "method": {"version": 1}}
    return StudyRecord(
        key=key,
        method=method,
        title=title,
        backbone="unet",
        control=method == "scratch",
        source=SOURCE.model_copy(update={"study": key, "trials": 6}),
        unit="mm",
        wanted=7,
        trainings=3,
        dimensions=dimensions,
        trials=trials,
        spec={"cells": [cell]},
    )


@pytest.fixture
def searched(tmp_path: Path) -> Store:
    """A store of two searches, and nothing else."""
    store = Store(tmp_path / "runs")
    for record in (
        study("simclr", "SimCLR", "a" * 16, PRETRAINING_RATE),
        study("scratch", "From scratch", "b" * 16, WARMUP),
    ):
        with store.folder("tuning", record.key) as folder:
            write_record(folder / "study.json", record)
    return store


def test_searches_scored_alike_stand_together_controls_last(searched: Store) -> None:
    (group,) = comparable(searched)
    assert [record.method for record in group] == ["simclr", "scratch"]
    other = study("ddpm", "DDPM", "c" * 16, PRETRAINING_RATE)
    other = other.model_copy(update={"source": other.source.model_copy(update={"folds": 5})})
    with searched.folder("tuning", other.key) as folder:
        write_record(folder / "study.json", other)
    assert [len(group) for group in comparable(searched)] == [2, 1]


def test_every_search_has_a_figure_of_each_option_the_learning_rate_first(
    searched: Store,
) -> None:
    (section,) = tuning_sections(searched)
    assert [(f.title, f.detail) for f in section.figures] == [
        ("SimCLR on unet", "learning rate"),
        ("SimCLR on unet", "weight decay"),
        ("SimCLR on unet", "learning rate of the pretraining"),
        ("From scratch on unet", "learning rate"),
        ("From scratch on unet", "weight decay"),
        ("From scratch on unet", "warm-up"),
    ]
    row = dict(zip(section.columns, section.rows[0], strict=True))
    assert row["Trials"] == "6, 2 pruned, 1 failed"
    assert (row["Default (mm)"], row["Best (mm)"]) == ("3", "2")
    assert row["Best - default"] == "-1 [-1, -1]"
    assert any("RuntimeError: no" in sentence for sentence in section.sentences)


def test_a_page_without_a_cell_shows_searches_all_the_same(searched: Store) -> None:
    page = HtmlReport().render(searched)
    assert "How much options matter" in page
    assert "learning rate of the pretraining" in page
    ids = [part.split('"')[0] for part in page.split(' id="')[1:]]
    assert len(ids) == len(set(ids)), "no two elements share an id"


def test_the_figures_lie_among_the_other_files(searched: Store) -> None:
    drawings = planned(searched)
    names = {
        f"tuning-simclr-{'a' * 16}-protocol-learning-rate",
        f"tuning-scratch-{'b' * 16}-protocol-warmup",
    }
    assert names <= set(drawings)
    drawing = drawings[f"tuning-simclr-{'a' * 16}-protocol-learning-rate"]
    assert "error of 4 trials from 2 to 50 mm over the learning rate" in drawing.description
    assert "best at 0.002, default 0.01" in drawing.description
    assert saved(drawing)["svg"].startswith(b"<?xml")


def test_a_search_without_a_finished_trial_is_listed_and_not_drawn(searched: Store) -> None:
    begun = study("moco", "MoCo", "d" * 16, PRETRAINING_RATE).model_copy(update={"trials": ()})
    with searched.folder("tuning", begun.key) as folder:
        write_record(folder / "study.json", begun)
    (section,) = tuning_sections(searched)
    assert "MoCo on unet" in [row[0] for row in section.rows]
    assert not any(figure.title == "MoCo on unet" for figure in section.figures)
    assert any("Methods differ in their trials (0 to 6)" in text for text in section.sentences)
