"""A disk that fills up, turns read-only or loses a folder: a sentence, and finished work stays."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import CommandLine

# Runs the command line on a small file system of its own, in a mount namespace of its own.
SCENARIO = """
set -u
mount -t tmpfs -o size=24m tmpfs "$DISK"
step() {
  name=$1; shift
  "$PYTHON" -m benchmark run $COMMON --output "$DISK/runs" "$@" > "$TOLD/$name.txt" 2>&1
  echo $? > "$TOLD/$name.rc"
  (cd "$DISK/runs" && find . -name cell.json -o -name predictions.parquet | xargs sha256sum) \
    > "$TOLD/$name.sums"
  (cd "$DISK/runs" && find . -name '.?*') > "$TOLD/$name.hidden"
}
step first --shots 3
free=$(df --output=avail -k "$DISK" | tail -1)
head -c $(((free - 200) * 1024)) /dev/zero > "$DISK/ballast"
step full --shots 3,5
rm "$DISK/ballast"
mount -o remount,ro "$DISK"
step readonly --shots 3,5
mount -o remount,rw "$DISK"
rm -r "$DISK/runs/datasets" "$DISK/runs/leases"
step mended --shots 3,5
umount "$DISK"
"""


@pytest.fixture(scope="module")
def told(command_line: CommandLine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What each step has said and left: full disk, read-only disk, lost folder, mended."""
    own_mounts = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    folder = tmp_path_factory.mktemp("disk")
    (folder / "disk").mkdir()
    trial = f"mount -t tmpfs tmpfs {folder / 'disk'}"
    if (
        shutil.which("unshare") is None
        or subprocess.run([*own_mounts, "sh", "-c", trial], check=False).returncode
    ):
        pytest.skip("this machine lets nobody mount a small file system")
    common = f"--preset {command_line.tiny} --datasets {command_line.phantom} --methods scratch"
    variables = {
        "DISK": str(folder / "disk"),
        "TOLD": str(folder),
        "PYTHON": sys.executable,
        "COMMON": f"{common} --device cpu --workers 1 --reports csv",
        "COLUMNS": "200",
    }
    done = subprocess.run(
        [*own_mounts, "bash", "-c", SCENARIO],
        env=os.environ | variables,
        cwd=command_line.tiny.parents[2],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


def said(told: Path, step: str) -> tuple[int, str]:
    text = (told / f"{step}.txt").read_text()
    assert "Traceback" not in text
    return int((told / f"{step}.rc").read_text()), text


def sums(told: Path, step: str) -> set[str]:
    return set((told / f"{step}.sums").read_text().splitlines())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("step", "words"), [("full", "No space left"), ("readonly", "Read-only file system")]
)
def test_a_disk_that_cannot_be_written_gets_a_sentence_and_finished_cells_stay(
    told: Path, step: str, words: str
) -> None:
    assert said(told, "first")[0] == 0
    status, text = said(told, step)
    assert status == 2
    (line,) = [line for line in text.splitlines() if line.startswith("error: ")]
    assert words in line
    assert "free or mend the disk and run again" in line
    assert len(sums(told, "first")) == 2
    assert sums(told, "first") <= sums(told, step)
    assert (told / f"{step}.hidden").read_text() == ""


@pytest.mark.slow
def test_after_mending_the_run_goes_on_also_without_a_folder_that_was_lost(told: Path) -> None:
    status, text = said(told, "mended")
    assert status == 0
    assert "2 of 2 cells done, 1 of them before" in text
    assert sums(told, "first") < sums(told, "mended")
    assert (told / "mended.hidden").read_text() == ""
