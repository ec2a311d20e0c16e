"""Few-shot draws are nested, reproducible everywhere, and keep patients together."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.errors import DataError, UsageError
from benchmark.splits import digest, draw

IDS = tuple(f"{number:03d}" for number in range(1, 151))
PINNED = {
    0: ("069", "042", "095", "025", "077"),
    1: ("047", "022", "031", "091", "024"),
}
NAMES = st.lists(st.text("abc019_é", min_size=1, max_size=6), min_size=1, max_size=30, unique=True)


@given(ids=NAMES, seed=st.integers(0, 99), data=st.data())
def test_fewer_shots_are_a_prefix_of_more(ids: list[str], seed: int, data: st.DataObject) -> None:
    more = data.draw(st.integers(1, len(ids)))
    fewer = data.draw(st.integers(1, more))
    assert draw(ids, "hand", seed, fewer) == draw(ids, "hand", seed, more)[:fewer]


@given(ids=NAMES, data=st.data())
def test_the_order_of_the_training_set_does_not_matter(ids: list[str], data: st.DataObject) -> None:
    shots = data.draw(st.integers(1, len(ids)))
    shuffled = data.draw(st.permutations(ids))
    assert draw(ids, "hand", 0, shots) == draw(shuffled, "hand", 0, shots)


def test_a_draw_is_pinned_for_all_time() -> None:
    assert draw(IDS, "cephalometric", 0, 5) == PINNED[0]
    assert draw(IDS, "cephalometric", 1, 5) == PINNED[1]


def test_the_order_is_that_of_the_documented_hash() -> None:
    def key(name: str) -> str:
        return hashlib.sha256(f"chest:7:{name}".encode()).hexdigest()

    assert draw(IDS, "chest", 7, 150) == tuple(sorted(IDS, key=key))


def test_seed_and_dataset_each_change_the_draw() -> None:
    draws = {draw(IDS, name, seed, 10) for name in ("hand", "chest") for seed in range(5)}
    assert len(draws) == 10


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_another_process_draws_the_same(repository: Path, hash_seed: str) -> None:
    code = (
        "from benchmark.splits import draw\n"
        "ids = {f'{n:03d}' for n in range(1, 151)}\n"
        "groups = {i: str(int(i) // 3) for i in ids}\n"
        "print(','.join(draw(list(ids), 'hand', 3, 20, groups)))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code],
        cwd=repository,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    groups = {name: str(int(name) // 3) for name in IDS}
    assert answer.stdout.strip().split(",") == list(draw(IDS, "hand", 3, 20, groups))


def blocks(names: Sequence[str]) -> int:
    """How often the patient changes along a draw, plus one."""
    return 1 + sum(a != b for a, b in pairwise(names))


@given(patients=st.lists(st.integers(0, 8), min_size=1, max_size=40), seed=st.integers(0, 20))
def test_images_of_one_patient_stand_together(patients: list[int], seed: int) -> None:
    ids = [f"image{index}" for index in range(len(patients))]
    groups = {name: f"p{patient}" for name, patient in zip(ids, patients, strict=True)}
    drawn = draw(ids, "hand", seed, len(ids), groups)
    assert blocks([groups[name] for name in drawn]) == len(set(patients))


def test_an_empty_patient_is_no_patient() -> None:
    assert draw(IDS, "hand", 0, 9, dict.fromkeys(IDS, "")) == draw(IDS, "hand", 0, 9)


def test_the_number_of_shots_is_met_even_where_it_splits_a_patient() -> None:
    assert len(draw(IDS, "hand", 0, 7, dict.fromkeys(IDS, "one"))) == 7


def test_too_many_shots_say_how_many_there_are() -> None:
    with pytest.raises(UsageError, match=r"151 shots.* 150 training images of 'hand'"):
        draw(IDS, "hand", 0, 151)


@pytest.mark.parametrize("shots", [0, -1])
def test_fewer_than_one_shot_is_refused(shots: int) -> None:
    with pytest.raises(UsageError, match="at least 1"):
        draw(IDS, "hand", 0, shots)


def test_a_training_image_listed_twice_is_named() -> None:
    with pytest.raises(DataError, match=r"'b' .* twice"):
        draw(["a", "b", "c", "b"], "hand", 0, 2)


def test_the_digest_is_that_of_a_file_with_one_id_a_line(tmp_path: Path) -> None:
    path = tmp_path / "train.txt"
    path.write_bytes(b"001\n002\n")
    assert digest(["001", "002"]) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert digest(["001", "002"]) != digest(["002", "001"])
    assert digest(["a", "b"]) != digest(["ab"])
