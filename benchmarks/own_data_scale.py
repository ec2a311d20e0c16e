"""How long a large folder of one's own takes to be described and audited, and how much memory.

    python -m benchmarks.own_data_scale --folder /tmp/large

writes 20,000 PNG images of 256 x 256 px with a table of 19 landmarks each, as many as asked for of
them copies of others, then calls `prepare` and `audit` as a user would, each in processes of its
own, and prints their wall time, the peak of the memory of all their processes together, and what
the audit found. The landmarks are those of the cephalometric phantoms, so that the checks have
real work; the pictures are cheap noise with discs at the landmarks.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from benchmark.datasets.phantom import PhantomCephalometric, PhantomOptions

IMAGES, SIZE, COPIES = 20_000, 256, 20
TEST_SHARE = 0.3


def main() -> None:
    """Generate what is missing, then measure both commands."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--folder", type=Path, required=True, help="Where to write the images.")
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--copies", type=int, default=COPIES)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    data = arguments.folder / "large"
    started = time.perf_counter()
    if not (data / "landmarks.csv").exists():
        generate(data, arguments.images, arguments.copies, arguments.processes)
        print(f"generated {arguments.images} images in {time.perf_counter() - started:.0f} s")
    findings = arguments.folder / "findings.csv"
    prepare = ["prepare", str(data), "--name", "large", "--folder", str(arguments.folder)]
    audit = ["audit", "large", "--save", str(findings), "--workers", str(arguments.processes)]
    total = sum(measure(command, arguments.folder) for command in (prepare, audit))
    with findings.open(encoding="utf-8") as file:
        counts = Counter(row["check"] for row in csv.DictReader(file))
    print(f"both: {total:.0f} s; found: {dict(counts)}")


def generate(data: Path, count: int, copies: int, processes: int) -> None:
    """Write the images and, when all are there, the table."""
    (data / "images").mkdir(parents=True, exist_ok=True)
    tests = max(1, round(count * TEST_SHARE))
    options = PhantomOptions(train=count - tests, test=tests, size=SIZE)
    index = PhantomCephalometric(options).index()
    points = [sample.points for sample in index.samples]
    # The last images are copies of the first: a training film in the test set.
    copied = {count - 1 - k: k for k in range(copies)}
    jobs = [(number, copied.get(number, number)) for number in range(count)]
    with ProcessPoolExecutor(processes) as pool:
        look = partial(write_image, data / "images")
        shapes = [points[source] for _, source in jobs]
        list(pool.map(look, jobs, shapes, chunksize=200))
    lines = ["image,landmark,x,y,split"]
    for number, sample in enumerate(index.samples):
        lines += [
            f"film{number:05d}.png,{name},{x:.2f},{y:.2f},{sample.split}"
            for name, (x, y) in zip(index.landmark_names, sample.points, strict=True)
        ]
    (data / "landmarks.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_image(folder: Path, job: tuple[int, int], points: np.ndarray) -> None:
    """One picture: noise of the film's own seed, with a disc at every landmark."""
    number, seed = job
    generator = np.random.default_rng(seed)
    coarse = Image.fromarray(generator.integers(20, 140, (24, 24), dtype=np.uint8))
    pixels = np.asarray(coarse.resize((SIZE, SIZE), Image.Resampling.BICUBIC)).copy()
    offsets = np.arange(-3, 4)
    for x, y in points.round().astype(int):
        rows = np.clip(y + offsets, 0, SIZE - 1)
        columns = np.clip(x + offsets, 0, SIZE - 1)
        pixels[np.ix_(rows, columns)] = 230
    if number != seed:  # a copy is another exposure of the film
        pixels = (255 * (pixels / 255.0) ** 0.8).astype(np.uint8)
    Image.fromarray(pixels).save(folder / f"film{number:05d}.png", compress_level=1)


def measure(command: list[str], folder: Path) -> float:
    """Run a command of the benchmark, print its time and memory, and return its seconds."""
    environment = os.environ | {"XDG_CACHE_HOME": str(folder / "cache")}
    path = os.pathsep.join([str(Path.cwd()), *filter(None, [environment.get("PYTHONPATH")])])
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmark", *command],
        cwd=folder,
        env=environment | {"PYTHONPATH": path},
        start_new_session=True,
    )
    peak = 0
    while process.poll() is None:
        peak = max(peak, memory_of_session(process.pid))
        time.sleep(0.2)
    seconds = time.perf_counter() - started
    print(f"{command[0]}: {seconds:.0f} s, {peak / 2**20:.0f} MiB at most, status {process.poll()}")
    return seconds


def memory_of_session(session: int) -> int:
    """Bytes of all processes of a session, each page counted by its share (Linux)."""
    total = 0
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) != session:
                continue
            lines = (folder / "smaps_rollup").read_text().splitlines()
        except (OSError, ValueError, IndexError):
            continue
        shares = [line.split()[1] for line in lines if line.startswith("Pss:")]
        total += 1024 * sum(map(int, shares))
    return total


if __name__ == "__main__":
    main()
