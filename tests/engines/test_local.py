"""The local engine: one failing cell does not stop the rest, and its reason is kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmark.store import Store

if TYPE_CHECKING:
    from tests.conftest import CommandLine

PLUGIN = '''
"""Methods that go wrong."""

import os

from benchmark.plugins import Method


class Raises(Method):
    """Raises in pretraining."""

    name = "raises"
    title = "Raises"
    family = "other"
    citation = "none"
    trains = frozenset({"encoder"})
    pretraining_data = "pool"

    def pretrain(self, backbone, images, trainer):
        raise ValueError("a bolt came loose")


class Dies(Raises):
    """Takes the whole process along."""

    name = "dies"
    title = "Dies"

    def pretrain(self, backbone, images, trainer):
        print("last words")
        os._exit(7)


class Diverges(Raises):
    """Has a loss that is no number."""

    name = "diverges"
    title = "Diverges"

    def pretrain(self, backbone, images, trainer):
        trainer.fit(lambda batch: backbone.embed(batch).sum() * float("nan"), [backbone], images)


class Oversteps(Raises):
    """Changes a part that it does not declare."""

    name = "oversteps"
    title = "Oversteps"

    def pretrain(self, backbone, images, trainer):
        trainer.fit(lambda batch: (backbone(batch) ** 2).mean(), [backbone], images)
'''


@pytest.fixture(scope="module")
def store(command_line: CommandLine, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A run of four methods that fail and of the control, which does not."""
    folder = tmp_path_factory.mktemp("failing")
    plugin = folder / "wrong.py"
    plugin.write_text(PLUGIN)
    done = command_line.tiny_run(
        folder / "runs", "--plugin", plugin, "--methods", "raises,dies,diverges,oversteps"
    )
    assert done.returncode == 3, done.stdout + done.stderr
    assert "1 of 5 cells done, 4 failed" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    return Store(folder / "runs")


def test_the_healthy_cell_is_done(store: Store) -> None:
    status = {c.labels.method: c.status for c in store.cells()}
    assert status.pop("scratch") == "done"
    assert set(status.values()) == {"failed"}


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("raises", "ValueError: a bolt came loose"),
        ("dies", "exit status 7"),
        ("diverges", "nan at step 1"),
        ("oversteps", "changed the decoder"),
    ],
)
def test_the_reason_is_in_the_cell_and_in_the_pretraining(
    store: Store, method: str, words: str
) -> None:
    cell = next(c for c in store.cells() if c.labels.method == method)
    assert cell.error is not None
    assert words in cell.error.sentence
    record = next(p for p in store.pretrainings() if p.method == method)
    assert record.status == "failed"
    assert record.error is not None
    assert words in record.error.sentence


def test_the_traceback_is_kept_for_the_author_of_the_method(store: Store) -> None:
    folder = next(p for p in (store.root / "pretrained").iterdir() if "bolt" in _error(p))
    assert "in pretrain" in _error(folder)


def test_no_temporary_folder_remains(store: Store) -> None:
    assert list(store.root.rglob(".*")) == []


def _error(folder: Path) -> str:
    path = folder / "error.json"
    return path.read_text() if path.exists() else ""
