"""How fast this project is beside the released code of the paper, on one machine in one run.

``python -m benchmarks.against_paper --checkout PATH`` prints what stands in docs/performance.md.
PATH is a checkout of https://github.com/Malga-Vision/DiffusionXray-FewShot-LandmarkDetection (Di
Via, Odone and Pastore, WACV 2025). Both sides work in turn, in processes of their own.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmark.environment import cores, cpu_name, git_revision
from benchmarks.comparisons import DECODED, FILES, MEASUREMENTS, SMALL, Setting
from benchmarks.paper_inputs import (
    NATIVE,
    enlarge_radiographs,
    generate_radiographs,
    link_radiographs,
    prepare_arrays,
    write_heatmaps,
)
from benchmarks.ratio_table import Machine, Measured, circumstances, table
from benchmarks.turns import take_turns

FULL_SIZE = 256
ENLARGED = 20


def main() -> None:
    """Measure and print."""
    asked = _arguments()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        setting, remarks = _prepare(asked, Path(scratch))
        done = []
        for name in asked.only or MEASUREMENTS:
            measurement = MEASUREMENTS[name](setting)
            sys.stderr.write(f"{name} ...\n")
            outcome = take_turns(measurement.contestants, asked.rounds, asked.threads)
            done.append(Measured(name, measurement, outcome))
    remarks.append(
        f"{asked.rounds} rounds after one that is not counted; "
        f"{(time.perf_counter() - started) / 60:.0f} min in all."
    )
    machine = Machine(
        date=datetime.now(UTC).date().isoformat(),
        cpu=cpu_name(),
        cores=cores(),
        threads=asked.threads,
        torch=importlib.metadata.version("torch"),
        revision=git_revision(),
        paper_revision=_revision(asked.checkout),
    )
    lines = [*table(done), "", *circumstances(machine, remarks, done)]
    sys.stdout.write("\n".join(lines) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkout", type=Path, required=True, help="of the paper's code")
    parser.add_argument(
        "--data", type=Path, help="ISBI 2015 as jpg, 400_junior, 400_senior; else computed images"
    )
    parser.add_argument(
        "--packages", type=Path, help="a folder with libraries that the paper's code needs"
    )
    parser.add_argument("--only", nargs="+", choices=list(MEASUREMENTS), help="not all of them")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each that count")
    parser.add_argument("--threads", type=int, default=1, help="of each process")
    parser.add_argument("--width", type=int, default=64, help="base width of the paper's U-Net")
    parser.add_argument("--full", action="store_true", help="training steps at 256 px, not at 64")
    asked = parser.parse_args()
    for folder, inside in ((asked.checkout, "downstream_task"), (asked.data, "400_senior")):
        if folder is not None and not (folder / inside).is_dir():
            parser.error(f"{folder} holds no folder {inside}")
    if asked.rounds < 1 or asked.threads < 1:
        parser.error("--rounds and --threads are one at least")
    return asked


def _prepare(asked: argparse.Namespace, scratch: Path) -> tuple[Setting, list[str]]:
    """Write what both sides read, and say what it is."""
    # The last part of the path tells the paper's code which dataset it is.
    cephalo, native = scratch / "scaled" / "cephalo", scratch / "native" / "cephalo"
    if asked.data is not None:
        images = link_radiographs(asked.data, cephalo)
    else:
        images = generate_radiographs(cephalo)
    setting = Setting(
        checkout=str(asked.checkout.resolve()),
        packages=str(asked.packages.resolve()) if asked.packages is not None else None,
        files=dict(zip(FILES, (str(native), str(cephalo)), strict=True)),
        arrays=str(scratch / "arrays"),
        heatmaps=str(scratch / "heatmaps"),
        store=str(scratch / "store"),
        threads=asked.threads,
        step_size=FULL_SIZE if asked.full else SMALL,
        width=asked.width,
    )
    enlarge_radiographs(cephalo, ENLARGED, native)
    prepare_arrays(cephalo, setting.size, scratch / "arrays")
    seconds = prepare_arrays(native, setting.size, scratch / "of native files")
    write_heatmaps(cephalo, DECODED, setting.size, scratch / "heatmaps")
    sides = (
        f"data and heatmaps at {setting.size} x {setting.size} px, steps at "
        f"{setting.step_size} x {setting.step_size} px, batches of {setting.batch}"
    )
    files = f'{images} ("scaled"), {ENLARGED} of them enlarged to {NATIVE[0]} x {NATIVE[1]} px'
    once = f"Preparing a native file takes us {1000 * seconds:.0f} ms, once, before any run."
    return setting, [f'{files} ("native", their size as distributed); {sides}.', once]


def _revision(checkout: Path) -> str | None:
    done = subprocess.run(
        ["git", "-C", str(checkout), "rev-parse", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() if done.returncode == 0 else None


if __name__ == "__main__":
    main()
