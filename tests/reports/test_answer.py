"""The first screen: which pretraining won, and what keeps a reader from believing too much."""

from __future__ import annotations

from pathlib import Path

from benchmark.reports.answer import answer
from benchmark.reports.building import build_tables
from benchmark.store import Store
from tests.reports.store_builder import build_store
from tests.reports.synthetic_data import DATASETS, STRATEGIES

HAND, _ = DATASETS


def test_first_screen_names_the_winner_and_claims_no_more_than_holds(
    store: Store,
) -> None:
    found = answer(build_tables(store))
    assert found is not None
    assert found.table.group.name == "cephalometric"
    best = found.table.ranked[0]
    assert best.title in found.sentence
    assert f"{best.entries['mre']:.2f}\u00a0mm" in found.sentence
    assert f"{best.number('gain'):.0f}\u00a0% less" in found.sentence
    assert any("2 seeds" in caveat for caveat in found.caveats)
    control = found.table.control_of(best)
    pair = found.table.pair(best.identity, control.identity) if control else None
    assert pair is not None
    assert pair.adjusted_p > 0.05
    assert any("the data cannot tell" in caveat for caveat in found.caveats)
    assert not any("Synthetic" in caveat for caveat in found.caveats)


def test_first_screen_says_when_no_pretraining_beats_scratch(tmp_path: Path) -> None:
    good_control = type(STRATEGIES[0])("scratch", "From scratch", "unet", 0.5, control=True)
    store = build_store(
        tmp_path,
        datasets=[HAND],
        strategies=[good_control, STRATEGIES[1]],
        shots=[50],
        seeds=[0],
        failed=(),
    )
    found = answer(build_tables(store))
    assert found is not None
    assert "no pretraining beat the control" in found.sentence
    assert any(caveat.startswith("One seed") for caveat in found.caveats)
    assert any(caveat.startswith("Synthetic") for caveat in found.caveats)


def test_first_screen_warns_where_nothing_beats_the_mean_shape(tmp_path: Path) -> None:
    poor = [type(s)(s.method, s.title, s.backbone, 30.0, s.control) for s in STRATEGIES[:2]]
    store = build_store(
        tmp_path, datasets=[HAND], strategies=poor, shots=[50], seeds=[0], failed=()
    )
    found = answer(build_tables(store))
    assert found is not None
    assert "no better than that of the mean shape" in found.caveats[0]
    assert not any("mean shape" in figure.meaning for figure in found.figures)
