"""The store: keys, atomic folders, and damaged files that cost nothing else."""

import os
from pathlib import Path

import pytest

from benchmark.errors import StoreError
from benchmark.files import key_of, write_record
from benchmark.processes import this_process
from benchmark.schema import Failure
from benchmark.store import Store


def test_a_key_depends_on_content_and_not_on_order() -> None:
    assert key_of({"a": 1, "b": [2, 3]}) == key_of({"b": [2, 3], "a": 1})
    assert key_of({"a": 1}) != key_of({"a": 2})
    assert key_of({"a": 1, "b": [2, 3]}) == "efbd0040190fb087"


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    store = Store(tmp_path)

    def stop_half_way() -> None:
        with store.folder("cells", "ab") as folder:
            (folder / "half.txt").write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        stop_half_way()
    assert list((tmp_path / "cells").iterdir()) == []
    with store.folder("cells", "ab") as folder:
        (folder / "whole.txt").write_text("whole")
        assert not (tmp_path / "cells" / "ab").exists()
    assert [p.name for p in (tmp_path / "cells").iterdir()] == ["ab"]


def test_what_a_dead_process_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    dead = this_process().replace(f"-{os.getpid()}-", "-999999999-")
    names = (f".ab.{dead}.0a", f".ab.{this_process()}.0b", f".abc.{dead}.0c", "ab")
    for name in names:
        (tmp_path / "cells" / name).mkdir(parents=True)
    Store(tmp_path).clear_unfinished("cells", "ab")
    assert {p.name for p in (tmp_path / "cells").iterdir()} == set(names[1:])


def test_a_failed_attempt_is_replaced_as_a_whole(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for name in ("first.txt", "second.txt"):
        with store.folder("cells", "ab") as folder:
            (folder / name).write_text(name)
    assert [p.name for p in (tmp_path / "cells" / "ab").iterdir()] == ["second.txt"]


def test_a_damaged_cell_is_named_and_hides_no_other(tmp_path: Path) -> None:
    store = Store(tmp_path)
    (tmp_path / "cells" / "aa").mkdir(parents=True)
    (tmp_path / "cells" / "aa" / "cell.json").write_text('{"key": ')
    assert store.cells() == []
    assert "cell.json is damaged" in store.problems[0]
    with pytest.raises(StoreError, match="damaged"):
        store.cell("aa")
    sentence = store.set_aside("cells", "aa", "cut off")
    assert "set aside" in sentence
    assert store.cell("aa") is None
    assert (tmp_path / "set-aside" / "cells-aa-0" / "cell.json").exists()


def test_a_path_that_cannot_be_a_folder_gets_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="--output"):
        Store(tmp_path / "file").ensure_writable()


def test_writing_a_record_leaves_no_temporary_file(tmp_path: Path) -> None:
    write_record(tmp_path / "error.json", Failure(sentence="why"))
    assert [p.name for p in tmp_path.iterdir()] == ["error.json"]
