"""Stores that were filled apart come together: whole, checked, and nothing is replaced."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from benchmark.archives import MANIFEST, export_archive, import_archive
from benchmark.errors import DataError, StoreUnwritableError, UsageError
from benchmark.files import file_sha256, write_record
from benchmark.merging import merge, merge_stores
from benchmark.schema import CellLabels, CellRecord, EnvironmentRecord, Failure, RunRecord
from benchmark.store import Store

KEYS = tuple(f"{number:016x}" for number in range(4))


def write_cell(root: Path, key: str, content: str = "numbers", status: Any = "done") -> None:
    labels = CellLabels(dataset="d", method="m", title="M", backbone="unet", shots=5, seed=0)
    with Store(root).folder("cells", key) as folder:
        path = folder / "predictions.parquet"
        path.write_text(content)
        files = {path.name: file_sha256(path)} if status == "done" else {}
        error = Failure(sentence="it broke") if status == "failed" else None
        write_record(
            folder / "cell.json",
            CellRecord(key=key, status=status, spec={}, labels=labels, files=files, error=error),
        )


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    """Here: one cell done, one failed. There: the same two done, and one more."""
    here, there = tmp_path / "here", tmp_path / "there"
    write_cell(here, KEYS[0])
    write_cell(here, KEYS[1], status="failed")
    for key in KEYS[:3]:
        write_cell(there, key)
    Store(there).write_environment(
        EnvironmentRecord(id=KEYS[3], python="3", platform="p", cpu="c", cores=1, threads=1)
    )
    write_record(there / "runs" / "20260101T000000000000Z.json", RunRecord(started="then"))
    return here, there


def console() -> Console:
    return Console(file=io.StringIO(), width=200)


def said(what: Console) -> str:
    assert isinstance(what.file, io.StringIO)
    return what.file.getvalue()


def test_what_is_missing_or_failed_here_is_taken_and_what_is_done_stays(
    two: tuple[Path, Path],
) -> None:
    here, there = two
    before = (here / "cells" / KEYS[0] / "cell.json").stat().st_ino
    merged = merge(Store(here), Store(there))
    assert merged.taken["cells"] == 2
    assert merged.known == 1
    assert merged.notes == []
    assert {c.key: c.status for c in Store(here).cells()} == dict.fromkeys(KEYS[:3], "done")
    assert (here / "cells" / KEYS[0] / "cell.json").stat().st_ino == before
    assert [run.started for run in Store(here).runs()] == ["then"]
    assert list(Store(here).environments()) == [KEYS[3]]
    assert Store(here).leases.holders() == {}


def test_a_failed_cell_never_replaces_a_finished_one(two: tuple[Path, Path]) -> None:
    here, there = two
    assert merge(Store(there), Store(here)).taken["cells"] == 0
    assert all(cell.status == "done" for cell in Store(there).cells())


def test_other_predictions_of_the_same_cell_are_said_and_ours_stay(tmp_path: Path) -> None:
    write_cell(tmp_path / "here", KEYS[0], "ours")
    write_cell(tmp_path / "there", KEYS[0], "theirs")
    (note,) = merge(Store(tmp_path / "here"), Store(tmp_path / "there")).notes
    assert "other predictions" in note
    assert (tmp_path / "here" / "cells" / KEYS[0] / "predictions.parquet").read_text() == "ours"


def test_a_damaged_cell_is_named_and_left_out(two: tuple[Path, Path]) -> None:
    here, there = two
    (there / "cells" / KEYS[2] / "predictions.parquet").write_text("number")
    (there / "cells" / KEYS[1] / "cell.json").write_text("{")
    merged = merge(Store(here), Store(there))
    assert merged.taken["cells"] == 0
    assert any(KEYS[2] in note and "not what was written" in note for note in merged.notes)
    assert any(KEYS[1] in note and "damaged" in note for note in merged.notes)


def test_a_cell_that_is_being_computed_here_is_left_to_that(two: tuple[Path, Path]) -> None:
    here, there = two
    assert Store(here).leases.acquire("cells", KEYS[2]) is not None
    merged = merge(Store(here), Store(there))
    assert merged.taken["cells"] == 1
    assert any(f"cells/{KEYS[2]} is being computed here" in note for note in merged.notes)


def test_a_folder_that_is_no_store_is_refused_before_anything_is_taken(
    two: tuple[Path, Path], tmp_path: Path
) -> None:
    here, there = two
    (tmp_path / "else").mkdir()
    with pytest.raises(UsageError, match="else is no store"):
        merge_stores(here, [there, tmp_path / "else"], console())
    with pytest.raises(UsageError, match="that is merged into"):
        merge_stores(here, [here], console())
    assert len(Store(here).cells()) == 2


@pytest.mark.parametrize("name", ["store.tar", "store.tar.gz"])
def test_a_store_comes_back_from_an_archive_as_it_was(
    two: tuple[Path, Path], tmp_path: Path, name: str
) -> None:
    _, there = two
    (there / "cells" / ".draft").mkdir()
    (there / "checkpoints").mkdir()
    (there / "checkpoints" / "x.safetensors").write_text("state")
    export_archive(there, tmp_path / name, console())
    out = console()
    import_archive(tmp_path / "new", tmp_path / name, 1.0, out)
    assert "3 cells, 0 pretrainings and 0 datasets taken over" in said(out)
    assert _content(tmp_path / "new") == {
        path: data
        for path, data in _content(there).items()
        if not path.startswith(("checkpoints", "leases"))
    }
    assert list((tmp_path / "new").glob(".*")) == []


def _content(root: Path) -> dict[str, bytes]:
    paths = (path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}


def test_the_same_store_gives_the_same_archive(two: tuple[Path, Path], tmp_path: Path) -> None:
    first, second = tmp_path / "a.tar.gz", tmp_path / "b.tar.gz"
    export_archive(two[1], first, console())
    export_archive(two[1], second, console())
    assert first.read_bytes() == second.read_bytes()


def archive(path: Path, files: dict[str, bytes], **lies: Any) -> Path:
    """An archive as somebody else might make it; ``lies`` change entries of the manifest."""
    entries = {
        name: {"size": len(data), "sha256": sha256(data).hexdigest()}
        for name, data in files.items()
    }
    text = json.dumps({"format": 1, "files": entries | lies}).encode()
    with tarfile.open(path, "w") as tar:
        for name, data in ({MANIFEST: text} | files).items():
            header = tarfile.TarInfo(name)
            header.size = len(data)
            tar.addfile(header, io.BytesIO(data))
    return path


INSIDE = f"cells/{KEYS[0]}/cell.json"


@pytest.mark.parametrize(
    "name",
    [
        "../outside.json",
        "/etc/outside.json",
        f"cells/{KEYS[0]}/../../../outside.json",
        f"cells/{KEYS[0]}/.hidden",
        "cells/nokey/cell.json",
        "report.html",
        f"leases/cells-{KEYS[0]}.1",
        f"cells/{KEYS[0]}/a\\b",
    ],
)
def test_a_name_that_no_store_has_is_refused_and_nothing_is_written(
    tmp_path: Path, name: str
) -> None:
    file = archive(tmp_path / "a.tar", {INSIDE: b"{}", name: b"x"})
    with pytest.raises(DataError, match="is no file of a store"):
        import_archive(tmp_path / "in" / "store", file, 1.0, console())
    assert _content(tmp_path / "in") == {}
    assert {path.name for path in tmp_path.iterdir()} == {"a.tar", "in"}


def test_a_link_in_an_archive_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.tar"
    text = json.dumps(
        {"format": 1, "files": {INSIDE: {"size": 0, "sha256": sha256(b"").hexdigest()}}}
    ).encode()
    with tarfile.open(file, "w") as tar:
        header = tarfile.TarInfo(MANIFEST)
        header.size = len(text)
        tar.addfile(header, io.BytesIO(text))
        link = tarfile.TarInfo(INSIDE)
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    with pytest.raises(DataError, match="not as its manifest says"):
        import_archive(tmp_path / "store", file, 1.0, console())
    assert _content(tmp_path / "store") == {}


@pytest.mark.parametrize(
    ("lie", "words"),
    [
        ({"size": 3, "sha256": sha256(b"{}").hexdigest()}, "not as its manifest says"),
        ({"size": 2, "sha256": sha256(b"other").hexdigest()}, "is damaged"),
        ({"size": 2_000_000_001, "sha256": ""}, "more than --max-gb 2"),
    ],
)
def test_an_archive_that_lies_about_a_file_is_refused(
    tmp_path: Path, lie: dict[str, Any], words: str
) -> None:
    file = archive(tmp_path / "a.tar", {INSIDE: b"{}"}, **{INSIDE: lie})
    with pytest.raises(DataError, match=words):
        import_archive(tmp_path / "store", file, 2.0, console())
    assert _content(tmp_path / "store") == {}


@pytest.mark.parametrize("keep", [0, 1, 700, 5000])
@pytest.mark.parametrize("ending", [".tar", ".tar.gz"])
def test_an_archive_that_was_cut_off_is_refused(
    two: tuple[Path, Path], tmp_path: Path, keep: int, ending: str
) -> None:
    file = tmp_path / f"a{ending}"
    export_archive(two[1], file, console())
    file.write_bytes(file.read_bytes()[: min(keep, file.stat().st_size - 1100)])
    with pytest.raises(DataError, match="cannot be imported"):
        import_archive(tmp_path / "store", file, 1.0, console())
    assert _content(tmp_path / "store") == {}


def test_an_archive_for_which_there_is_no_room_is_refused_with_the_number_of_gigabytes(
    two: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_archive(two[1], tmp_path / "a.tar", console())
    full = shutil.disk_usage(tmp_path)._replace(free=100)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    with pytest.raises(StoreUnwritableError, match="GB needed"):
        import_archive(tmp_path / "store", tmp_path / "a.tar", 1.0, console())
    assert _content(tmp_path / "store") == {}
