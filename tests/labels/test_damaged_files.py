"""Label files that were damaged in hundreds of ways give a sentence or a valid set of labels."""

import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.errors import DataError
from benchmark.labels.label_set import ImageFrame, LabelSet
from benchmark.labels.reading import read_labels
from tests.labels.writers import WRITERS, Film

FILES_A_FORMAT = 40
FILMS = [
    Film(
        f"film{n}",
        (40, 20),
        {"apex": (n + 0.25, 3.5), "base": (n + 1.5, 18.0), "tip": (7.0, 0.125 * n)},
    )
    for n in range(3)
]
ODD_TEXTS = (
    "", " ", "nan", "NaN", "inf", "-1e999", "1e308", "0x1F", "1_0", "9" * 400, "１２", "²", "\0",
    "\x1b[31m", "\ud7ff", "\u2028", "é" * 300, "../../etc/passwd", "/dev/zero", "&lt;", "<a>",
    '"', "'", ";", ",", "\t", "\r", "\n", "{}", "[]", "null", "true", "-5", "0", "3", "1,5",
)  # fmt: skip
ODD_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 3, 10**30, 1e308, float("nan"), float("inf"), "", "x", "\ud800",
    "\n", [], [[]], [[[[]]]], {}, {"a": None}, [1], [1, 2], [1, 2, 3], ["x", "y"], "9" * 5000,
)  # fmt: skip


def flip(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 3, 30))):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))]


def drop(data: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data))
    return data[:start] + data[start + chance.randrange(1, 200) :]


def double(data: bytes, chance: random.Random) -> bytes:
    start, end = sorted(chance.randrange(len(data) + 1) for _ in range(2))
    return data[:end] + data[start:end] + data[end:]


def lines_about(data: bytes, chance: random.Random) -> bytes:
    lines = data.split(b"\n")
    chance.shuffle(lines)
    return b"\n".join(lines[: chance.randrange(1, len(lines) + 1)])


def odd_token(data: bytes, chance: random.Random) -> bytes:
    text = data.decode()
    found = chance.choice(list(re.finditer(r"[\w.]+", text)))
    odd = chance.choice(ODD_TEXTS)
    return (text[: found.start()] + odd + text[found.end() :]).encode("utf-8", "surrogatepass")


def other_coding(data: bytes, chance: random.Random) -> bytes:
    return data.decode().encode(chance.choice(("utf-16", "utf-32", "utf-16-le", "utf-8-sig")))


def insert(data: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data))
    odd = chance.choice(
        (b"\0" * 50, b"[" * 5000, b"<a>" * 5000, b'"', b"<!DOCTYPE x>", b"1," * 999)
    )
    return data[:start] + odd + data[start:]


def odd_value(data: bytes, chance: random.Random) -> bytes:
    """Replaces or removes one value of a JSON file; other files get an odd token."""
    try:
        document = json.loads(data)
    except ValueError:
        return odd_token(data, chance)
    spots: list[tuple[Any, Any]] = []

    def walk(value: Any) -> None:
        keys = value.keys() if isinstance(value, dict) else range(len(value))
        for key in keys:
            spots.append((value, key))
            if isinstance(value[key], dict | list):
                walk(value[key])

    walk(document)
    owner, key = chance.choice(spots)
    if chance.random() < 0.25:
        del owner[key]
    else:
        owner[key] = chance.choice(ODD_VALUES)
    return json.dumps(document).encode()


MUTATIONS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    flip, cut, drop, double, lines_about, odd_token, odd_token, other_coding, insert, odd_value,
    odd_value,
)  # fmt: skip


def check_valid(labels: LabelSet) -> None:
    assert labels.images
    assert 0 < len(labels.landmark_names) <= 1000
    assert len(set(labels.landmark_names)) == len(labels.landmark_names)
    shape = (len(labels.landmark_names), 2)
    for name, image in labels.images.items():
        assert name == image.name != ""
        assert name.encode()
        for annotation in image.annotations.values():
            assert annotation.points.shape == shape
            missing = annotation.visibility == 0
            assert np.isnan(annotation.points[missing]).all()
            assert np.isfinite(annotation.points[~missing]).all()
            assert len(annotation.places) == shape[0]


def outcome(path: Path, name: str | None) -> str:
    """``read`` where the labels are valid, ``refused`` where there is a sentence."""
    try:
        labels = read_labels(path, name, frames=lambda _: ImageFrame(40, 20))
    except DataError as error:
        sentence = str(error)
        assert sentence.endswith(".")
        assert sentence.isprintable()
        # Names of files and what stands in them are shortened, so that a terminal shows it.
        assert len(sentence) < 900
        return "refused"
    check_valid(labels)
    return "read"


@pytest.mark.parametrize("kind", WRITERS)
def test_every_damaged_file_gives_a_sentence_or_valid_labels(kind: str, tmp_path: Path) -> None:
    chance = random.Random(f"damage {kind}")
    name, writer = WRITERS[kind]
    written = writer(tmp_path / "labels", FILMS)
    files = [written] if written.is_file() else sorted(written.iterdir())
    outcomes = []
    for number in range(FILES_A_FORMAT):
        victim = chance.choice(files)
        whole = victim.read_bytes()
        victim.write_bytes(MUTATIONS[number % len(MUTATIONS)](whole, chance))
        outcomes += [outcome(written, forced) for forced in (name, None)]
        victim.write_bytes(whole)
    # Damage that does nothing would prove nothing.
    assert outcomes.count("refused") > FILES_A_FORMAT // 3
    assert outcome(written, name) == "read"
