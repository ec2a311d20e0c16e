"""The log of a worker: whatever prints, in bounded size, and nothing lies about afterwards."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmark import log_capture

# Captures the output of a program and writes the log's text into a file.
PROGRAM = """
import os, pathlib, sys
from benchmark.log_capture import LogCapture
{before}
with LogCapture() as log:
    {prints}
    pathlib.Path(sys.argv[1]).write_text(log.text())
"""


CANNOT_PUNCH = "import benchmark.log_capture as module; module._punched = lambda *_: False; "


def captured(tmp_path: Path, prints: str, before: str = "") -> str:
    target = tmp_path / "log.txt"
    program = PROGRAM.format(prints=prints, before=before)
    done = subprocess.run(
        [sys.executable, "-c", program, str(target)],
        capture_output=True,
        check=True,
        env={"TMPDIR": str(tmp_path / "temporary")},
    )
    assert done.stdout == done.stderr == b""
    return target.read_text()


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path) -> Path:
    (tmp_path / "temporary").mkdir()
    return tmp_path / "temporary"


def test_python_and_other_processes_are_captured(tmp_path: Path) -> None:
    prints = "print('one'); os.system('echo two; echo three >&2'); print('four', file=sys.stderr)"
    text = captured(tmp_path, prints)
    assert sorted(text.split()) == ["four", "one", "three", "two"]


@pytest.mark.parametrize("before", ["", CANNOT_PUNCH], ids=["holes", "no holes"])
def test_a_gigabyte_of_output_leaves_its_end_and_a_small_file(tmp_path: Path, before: str) -> None:
    """A thirtieth of it, with a tenth of the limit and a hundredth of the patience."""
    before += (
        "import benchmark.log_capture as module; module.MOST_BYTES //= 10; "
        "module._LOOK_SECONDS /= 100; import time"
    )
    prints = (
        "line = b'x' * 9_999 + b'\\n'\n"
        "    for _ in range(3000): os.write(1, line); time.sleep(0.0002)\n"
        "    size = os.fstat(1).st_blocks * 512\n"
        "    if module._punched.__name__ != '_punched': time.sleep(0.1)\n"
        "    print('the size is', size, '\\nthe end')"
    )
    text = captured(tmp_path, prints, before)
    assert text.endswith("the end\n")
    assert len(text) < log_capture.KEPT_BYTES + 200
    size = int(text.split("the size is ")[1].split()[0])
    assert size < 15_000_000, "thirty megabytes were printed"
    assert "bytes before this are left out" in text


def test_a_killed_process_leaves_no_log(tmp_path: Path, temporary: Path) -> None:
    program = (
        "import os, signal; from benchmark.log_capture import LogCapture\n"
        "with LogCapture(): print('x', flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, env={"TMPDIR": str(temporary)}
    )
    assert done.returncode == -9
    assert list(temporary.iterdir()) == []
