"""A user's folder from end to end: missing landmarks are fine, damaged files get one sentence."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from benchmark.registry import registry
from benchmark.store import Store

if TYPE_CHECKING:
    from tests.conftest import CommandLine

COLUMNS = ("image", "landmark", "x", "y", "split")


def write_folder(folder: Path) -> Path:
    """Nine chest phantoms of 64 px as a user would have them: images and landmarks.csv."""
    dataset = registry("dataset").create("phantom-chest[train=6,test=3,size=64]")
    index = dataset.index()
    (folder / "images").mkdir(parents=True)
    with (folder / "landmarks.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for sample in index.samples:
            Image.fromarray(dataset.read(sample.id)).save(folder / "images" / f"{sample.id}.png")
            for name, (x, y) in zip(index.landmark_names, sample.points, strict=True):
                writer.writerow([f"{sample.id}.png", name, f"{x:.3f}", f"{y:.3f}", sample.split])
    return folder


def first_image(folder: Path) -> Path:
    return min((folder / "images").glob("*.png"))


def missing(folder: Path) -> None:
    first_image(folder).unlink()


def truncated(folder: Path) -> None:
    path = first_image(folder)
    path.write_bytes(path.read_bytes()[:200])


def another_size(folder: Path) -> None:
    Image.fromarray(np.zeros((8, 8), dtype=np.uint8)).save(first_image(folder))


def colour(folder: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(first_image(folder))


def replace_in_line(folder: Path, number: int, column: int, text: str) -> None:
    path = folder / "landmarks.csv"
    lines = path.read_text().splitlines()
    parts = lines[number - 1].split(",")
    parts[column] = text
    lines[number - 1] = ",".join(parts)
    path.write_text("\n".join(lines) + "\n")


def word(folder: Path) -> None:
    replace_in_line(folder, 4, 2, "twelve")


def outside(folder: Path) -> None:
    replace_in_line(folder, 5, 3, "640")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (missing, ["subject-00000.png"]),
        (truncated, ["subject-00000.png"]),
        (another_size, ["subject-00000.png", "8 x 8 px"]),
        (colour, ["subject-00000.png", "colour"]),
        (word, ["landmarks.csv", "4", "twelve"]),
        (outside, ["landmarks.csv", "5", "640"]),
    ],
)
def test_damaged_data_gets_one_sentence_and_exit_status_2(
    command_line: CommandLine,
    tmp_path: Path,
    damage: Callable[[Path], None],
    words: list[str],
) -> None:
    folder = write_folder(tmp_path / "mine")
    damage(folder)
    done = command_line.tiny_run(
        tmp_path / "runs", "--datasets", "folder", "--data-root", folder, "--methods", "scratch"
    )
    text = done.stdout + done.stderr
    assert done.returncode == 2, text
    assert "Traceback" not in text
    lines = [line for line in text.splitlines() if line.startswith("error:")]
    assert len(lines) == 1, text
    for expected in words:
        assert expected in lines[0]


def test_a_landmark_that_some_images_lack_is_masked_and_not_an_error(
    command_line: CommandLine, tmp_path: Path
) -> None:
    folder = write_folder(tmp_path / "mine")
    path = folder / "landmarks.csv"
    lines = path.read_text().splitlines()
    # The first landmark is missing from the first training and the first test image.
    kept = [line for n, line in enumerate(lines) if n not in {1, 1 + 6 * 6}]
    assert len(kept) == len(lines) - 2
    path.write_text("\n".join(kept) + "\n")
    done = command_line.tiny_run(
        tmp_path / "runs",
        "--datasets",
        "folder[spacing=0.5]",
        "--data-root",
        folder,
        "--methods",
        "scratch",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (cell,) = Store(tmp_path / "runs").cells()
    assert cell.unit == "mm"
    assert cell.metrics is not None
    assert cell.metrics.n_points == 3 * 6 - 1
    frame = Store(tmp_path / "runs").predictions(cell.key)
    assert frame["x_true"].isna().sum() == 1
    assert frame["x"].notna().all()
