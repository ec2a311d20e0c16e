"""Whatever stands in a user's files: exit status 0, or 2 with one sentence; never a traceback."""

from __future__ import annotations

import json
import random
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmark.cli import main
from tests.images.dicom_files import SECRETS, write_dicom
from tests.labels.writers import Film, cvat_points

pytestmark = pytest.mark.slow

Mutate = Callable[[bytes, random.Random], bytes]

REFUSALS = 500
"""So many mutated inputs must have been refused at the end, over all kinds together."""

LONGEST_SECONDS = 60
"""What takes longer hangs; a mutated input takes a twentieth of a second."""

CHANCE = random.Random("mutated inputs")
NAMES = [f"film{n}" for n in range(4)]


def flip(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice((1, 3, 40))):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def flip_early(data: bytes, chance: random.Random) -> bytes:
    """Within the header, where it hurts."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 2, 8))):
        changed[chance.randrange(min(len(changed), 900))] = chance.choice((0, 1, 255, 128, 92, 34))
    return bytes(changed)


def cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))]


def drop(data: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data))
    return data[:start] + data[start + chance.randrange(1, 80) :]


def insert(data: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data))
    odd = (b"\0" * 50, b"[" * 5000, b'"', b"\xff" * 9, b"= [[", b"9" * 6000, b"\x1b[31m")
    return data[:start] + chance.choice(odd) + data[start:]


def odd_number(data: bytes, chance: random.Random) -> bytes:
    """Put an odd value in place of one that stands behind a sign of equality or a quote."""
    marks = [place for place, sign in enumerate(data) if sign in b'="']
    place = chance.choice(marks or [0]) + 1
    values = (b"-1", b"1e999", b"nan", b"[]", b"''", b"{}", b"../..", b"99999999999", b"true")
    return data[:place] + chance.choice(values) + data[place + chance.randrange(1, 6) :]


def swap(data: bytes, chance: random.Random) -> bytes:
    first, second = (chance.randrange(len(data)) for _ in range(2))
    size = chance.randrange(1, 30)
    piece = data[first : first + size]
    return data[:second] + piece + data[second + size :]


MUTATIONS: tuple[Mutate, ...] = (
    flip, flip_early, flip_early, cut, drop, insert, odd_number, swap,
)  # fmt: skip


def _itk(path: Path, pixels: np.ndarray) -> None:
    itk = pytest.importorskip("SimpleITK")
    itk.WriteImage(itk.GetImageFromArray(pixels), str(path), False)


WRITERS: dict[str, Callable[[Path, np.ndarray], object]] = {
    "dcm": lambda path, pixels: write_dicom(
        path, pixels, PixelSpacing=[0.4, 0.4], WindowCenter=120, WindowWidth=250
    ),
    "png": lambda path, pixels: Image.fromarray(pixels).save(path),
    "tif": lambda path, pixels: Image.fromarray(pixels).save(path),
    "bmp": lambda path, pixels: Image.fromarray(pixels).save(path),
    "jpg": lambda path, pixels: Image.fromarray(pixels).save(path),
    "mha": _itk,
    "nrrd": _itk,
}


@contextmanager
def no_hang() -> Iterator[None]:
    def give_up(_: int, frame: FrameType | None) -> None:
        raise AssertionError(f"a mutated input hangs at {frame}")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(LONGEST_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def refused() -> Counter[str]:
    """How many inputs of each kind were refused; the last test adds them up."""
    return Counter()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, and caches and descriptions of nobody else."""
    monkeypatch.chdir(tmp_path)
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "private"))
    return tmp_path


def build(folder: Path, ending: str) -> None:
    """Four small films in one format, with labels of CVAT."""
    folder.mkdir()
    ramp = np.linspace(0, 255, 24 * 32).astype(np.uint8).reshape(24, 32)
    for name in NAMES:
        WRITERS[ending](folder / f"{name}.{ending}", ramp)
    films = [Film(name, (32, 24), {"apex": (3.0 + n, 4.0), "base": (9.0, 20.0)})
             for n, name in enumerate(NAMES)]  # fmt: skip
    cvat_points(folder, films)


def outcome(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str
) -> int:
    """The exit status of the command line in this process, once what it printed is judged."""
    monkeypatch.setattr(sys, "argv", ["benchmark", *arguments])
    with no_hang(), pytest.raises(SystemExit) as ended:
        main()
    out, err = capfd.readouterr()
    status = ended.value.code or 0
    assert "Traceback" not in out + err
    assert not [secret for secret in SECRETS if secret in out + err]
    if status:
        sentences = [line for line in err.splitlines() if line.startswith("error: ")]
        assert status == 2, out + err
        assert len(sentences) == 1, err
        assert sentences[0].isprintable(), err
        assert len(sentences[0]) < 1200
    return int(status)


@pytest.mark.parametrize("ending", WRITERS)
def test_mutated_images_get_a_sentence(
    here: Path,
    ending: str,
    refused: Counter[str],
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    build(here / "films", ending)
    victim = here / "films" / f"film1.{ending}"
    whole = victim.read_bytes()
    tries = 160 if ending == "dcm" else 40
    for number in range(tries):
        victim.write_bytes(MUTATIONS[number % len(MUTATIONS)](whole, CHANCE))
        refused[ending] += outcome(capfd, monkeypatch, "prepare", "films") == 2
    assert refused[ending] > tries // 8
    victim.write_bytes(whole)
    assert outcome(capfd, monkeypatch, "prepare", "films") == 0


def test_mutated_labels_get_a_sentence(
    here: Path,
    refused: Counter[str],
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    build(here / "films", "png")
    victim = here / "films" / "annotations.xml"
    whole = victim.read_bytes()
    for number in range(180):
        victim.write_bytes(MUTATIONS[number % len(MUTATIONS)](whole, CHANCE))
        done = outcome(capfd, monkeypatch, "prepare", "films", "--shown", "0")
        refused["labels"] += done == 2
    assert refused["labels"] > 50


ODD_VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1e300, 10**30, "", " ", "nan", "x" * 3000, "a\u0000b", "\u001b[31m", [], {},
    [1], ["", 2], {"a": {}}, "../../etc/passwd", "/dev/null", ".", "mine.toml", "0.1x", "%..%",
)  # fmt: skip


def test_mutated_descriptions_get_a_sentence(
    here: Path,
    refused: Counter[str],
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    build(here / "films", "png")
    assert outcome(capfd, monkeypatch, "prepare", "films", "--name", "mine", "--shown", "0") == 0
    victim = here / "mine.toml"
    whole = victim.read_bytes()
    options = (
        "images", "labels", "label_format", "annotator", "spacing", "test_fraction", "name",
        "reference_size", "thresholds", "window", "invert", "note", "odd",
    )  # fmt: skip
    for number in range(260):
        if number % 2:
            changed = MUTATIONS[number % len(MUTATIONS)](whole, CHANCE)
        else:
            option, value = CHANCE.choice(options), CHANCE.choice(ODD_VALUES)
            lines = [line for line in whole.splitlines() if not line.startswith(option.encode())]
            changed = b"\n".join([*lines, f"{option} = {json.dumps(value)}".encode()])
        victim.write_bytes(changed)
        refused["descriptions"] += outcome(capfd, monkeypatch, "info", "mine") == 2
    assert refused["descriptions"] > 80


def test_five_hundred_inputs_were_refused(refused: Counter[str]) -> None:
    if len(refused) < len(WRITERS) + 2:
        pytest.skip("counts what all tests of this file have refused: run them together")
    assert sum(refused.values()) >= REFUSALS, refused
