"""A worker writes nothing into the store but its own work."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmark.errors import PluginError
from benchmark.write_guard import WriteGuard

KEY = "00000000000000aa"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with the cell of somebody else in it."""
    folder = tmp_path / "runs" / "cells" / "other"
    folder.mkdir(parents=True)
    (folder / "predictions.parquet").write_text("numbers")
    (tmp_path / "runs" / "leaderboard.md").write_text("table")
    return tmp_path / "runs"


def tree(folder: Path) -> dict[str, str]:
    return {str(p): p.read_text() if p.is_file() else "" for p in folder.rglob("*")}


def in_the_folder(action: Callable[[], object], folder: Path) -> None:
    before = Path.cwd()
    os.chdir(folder)
    try:
        action()
    finally:
        os.chdir(before)


@pytest.mark.parametrize(
    "act",
    [
        lambda other: (other / "predictions.parquet").write_text("mine"),
        lambda other: (other / "predictions.parquet").open("a").close(),
        lambda other: os.close(os.open(other / "new.txt", os.O_CREAT | os.O_WRONLY)),
        lambda other: (other / "predictions.parquet").unlink(),
        shutil.rmtree,
        lambda other: (other / "predictions.parquet").rename(other / "gone"),
        lambda other: (other.parent.parent.parent / "own.txt").rename(other / "cell.json"),
        lambda other: (other / "folder").mkdir(),
        lambda other: (other / "link").symlink_to("/etc/passwd"),
        lambda other: os.truncate(other / "predictions.parquet", 0),
        lambda other: shutil.copyfile(__file__, other / "predictions.parquet"),
        lambda other: np.save(other / "array.npy", np.zeros(2)),
        lambda other: (other.parent.parent / "leaderboard.md").write_text("mine"),
        lambda other: (other.parent / KEY / ".." / "other" / "x").write_text("mine"),
        lambda other: in_the_folder(lambda: Path("x").write_text("mine"), other),
    ],
)
def test_what_belongs_to_others_is_refused_and_stays(
    store: Path, act: Callable[[Path], object]
) -> None:
    (store.parent / "own.txt").write_text("own")
    (store / "cells" / KEY).mkdir()
    before = tree(store.parent)
    with WriteGuard(store, "cells", KEY) as guard:
        with pytest.raises(PluginError, match=f"cells/{KEY} may not write"):
            act(store / "cells" / "other")
        with pytest.raises(PluginError, match="may write into trainer.folder"):
            guard.ensure_clean()
    assert tree(store.parent) == before


def test_an_error_that_the_method_swallows_still_fails_its_work(store: Path) -> None:
    with WriteGuard(store, "cells", KEY) as guard:
        guard.ensure_clean()
        with contextlib.suppress(Exception):
            (store / "cells" / "other" / "x").write_text("mine")
        with pytest.raises(PluginError):
            guard.ensure_clean()


def test_its_own_work_and_everything_outside_may_be_written(store: Path, tmp_path: Path) -> None:
    with WriteGuard(store, "cells", KEY) as guard:
        draft = store / "cells" / f".{KEY}.00000000-1-1.ab"
        draft.mkdir()
        (draft / "cell.json").write_text("{}")
        draft.rename(store / "cells" / KEY)
        for folder in ("checkpoints", "leases", "environments"):
            (store / folder).mkdir()
        (store / "checkpoints" / f"{KEY}.safetensors").write_text("state")
        (store / "leases" / f"cells-{KEY}.1").write_text("mine")
        (store / "environments" / "e.json").write_text("{}")
        (tmp_path / "elsewhere.txt").write_text("x")
        (store / "cells" / "other" / "predictions.parquet").read_text()
        guard.ensure_clean()
    (store / "cells" / "other" / "x").write_text("no guard any more")
