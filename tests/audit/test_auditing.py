"""The command: what it prints, its exit status, and the file that it writes."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from benchmark.audit.auditing import EXIT_FINDINGS, EXIT_NOTHING, audit
from benchmark.audit.printing import SHOWN
from benchmark.errors import UsageError
from tests.audit.sets import NAMES, SIZE, shapes

IMAGES = 24


@pytest.fixture(name="spoilt", scope="module")
def spoilt_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Flat pictures, in more of which than are shown a point lies outside."""
    root = tmp_path_factory.mktemp("data") / "mine"
    root.mkdir()
    points = shapes(IMAGES)
    points[: SHOWN + 3, 0, 0] = -40
    lines = ["image,landmark,x,y"]
    for number, own in enumerate(points):
        Image.new("L", SIZE, 40 + number).save(root / f"film{number:02d}.png")
        pairs = zip(NAMES, own, strict=True)
        lines += [f"film{number:02d}.png,{name},{x},{y}" for name, (x, y) in pairs]
    (root / "landmarks.csv").write_text("\n".join(lines) + "\n")
    return root


def audited(root: Path, *, strict: bool = False, save: Path | None = None) -> tuple[int, str]:
    console = Console(file=io.StringIO(), width=80, color_system=None)
    status = audit("folder", {"": root}, console, processes=1, strict=strict, save=save)
    assert isinstance(console.file, io.StringIO)
    return status, console.file.getvalue()


def test_findings_are_counted_by_how_sure_they_are_and_cut_off_after_some(spoilt: Path) -> None:
    status, text = audited(spoilt)
    assert status == EXIT_NOTHING
    assert "mine: 24 images" in text
    assert f"outside: points outside the image ({SHOWN + 3})" in text
    assert text.count("  certain  film") == SHOWN
    assert "and 3 more; --save FILE writes them all" in text
    assert f"{SHOWN + 3} findings: {SHOWN + 3} certain (the files themselves say so)" in text


def test_strict_makes_findings_an_exit_status(spoilt: Path) -> None:
    assert audited(spoilt, strict=True)[0] == EXIT_FINDINGS


def test_all_findings_are_saved(spoilt: Path, tmp_path: Path) -> None:
    path = tmp_path / "findings.csv"
    audited(spoilt, save=path)
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == SHOWN + 3
    assert rows[0] == {
        "dataset": "mine",
        "check": "outside",
        "certainty": "certain",
        "images": "film00.png",
        "annotator": "",
        "landmark": "a",
        "finding": rows[0]["finding"],
    }
    assert "lies 39.5 px outside" in rows[0]["finding"]


def test_what_is_not_in_a_sound_set_is_not_found(tmp_path: Path, spoilt: Path) -> None:
    root = tmp_path / "mine"
    root.mkdir()
    kept = [f"film{n:02d}.png" for n in range(SHOWN + 3, IMAGES)]
    for name in kept:
        (root / name).write_bytes((spoilt / name).read_bytes())
    header, *rows = (spoilt / "landmarks.csv").read_text().splitlines()
    own = [row for row in rows if row.split(",")[0] in kept]
    (root / "landmarks.csv").write_text("\n".join([header, *own]) + "\n")
    status, text = audited(root, strict=True)
    assert status == EXIT_NOTHING
    assert "Nothing found." in text


def test_a_file_that_cannot_be_written_stops_the_audit_before_it_begins(spoilt: Path) -> None:
    for path in (spoilt, spoilt / "nowhere" / "findings.csv"):
        with pytest.raises(UsageError, match="no file can be written there"):
            audited(spoilt, save=path)
