"""A pretraining whose loss ends where it knows nothing is named wherever its row is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.files import write_record
from benchmark.reports.answer import answer
from benchmark.reports.building import build_tables
from benchmark.store import Store
from tests.reports.store_builder import build_store
from tests.reports.synthetic_data import DATASETS, STRATEGIES

CEPHALOMETRIC = DATASETS[1]


@pytest.fixture
def three(tmp_path: Path) -> Store:
    """Scratch, DDPM and SimCLR on one network, two seeds."""
    return build_store(
        tmp_path, datasets=[CEPHALOMETRIC], strategies=STRATEGIES[:3], shots=[10], failed=()
    )


def teach(store: Store, method: str, seeds: tuple[int, ...], last: float) -> None:
    """Let pretrainings of a method end at a loss, where 3.43 is chance."""
    for record in store.pretrainings():
        if record.method == method and record.seed in seeds:
            metrics = {"loss_last": last, "reference_loss": 3.43, "reference_meaning": "chance"}
            changed = record.model_copy(update={"metrics": metrics})
            write_record(store.root / "pretrained" / record.key / "pretraining.json", changed)


def test_a_loss_that_has_fallen_is_no_matter(three: Store) -> None:
    teach(three, "simclr", (0, 1), 1.2)
    (table,) = build_tables(three)
    assert table.warnings == ()


def test_one_of_two_pretrainings_that_has_learnt_nothing_is_told_in_table_and_answer(
    three: Store,
) -> None:
    teach(three, "simclr", (0,), 1.2)
    teach(three, "simclr", (1,), 4.27)
    (table,) = build_tables(three)
    (warning,) = table.warnings
    assert warning.startswith("SimCLR on unet: 1 of its 2 pretrainings learnt nothing")
    assert "4.27" in warning
    assert "3.43 is knowing nothing (chance)" in warning
    assert table.notes[0] == warning
    found = answer([table])
    assert found is not None
    assert warning in found.caveats
