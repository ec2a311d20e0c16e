"""Digests: a changed file changes them, an unchanged one is not read twice, no cache does harm."""

import dataclasses
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.errors import DataError
from benchmark.fingerprint import (
    DigestCache,
    dataset_fingerprint,
    default_cache_path,
    file_digest,
)
from benchmark.records import Sample


@pytest.fixture(autouse=True)
def cache_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache-home"
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder


def digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files written a moment ago count as old."""
    monkeypatch.setattr("benchmark.fingerprint._SETTLED_NS", -1)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film.bin"
    path.write_bytes(b"film")
    return path


def test_the_cache_lies_in_the_users_cache_folder(
    cache_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert default_cache_path() == cache_home / "fewshot-landmarks" / "digests.json"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert default_cache_path() == Path.home() / ".cache" / "fewshot-landmarks" / "digests.json"


@pytest.mark.usefixtures("settled")
def test_an_unchanged_file_is_not_read_again(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = DigestCache()
    assert file_digest(film, cache) == digest_of(b"film")
    cache.save()
    monkeypatch.setattr(hashlib, "file_digest", None)
    assert file_digest(film, DigestCache()) == digest_of(b"film")


@pytest.mark.usefixtures("settled")
def test_a_changed_file_is_read_again_even_at_the_same_size_and_time(film: Path) -> None:
    cache = DigestCache()
    file_digest(film, cache)
    times = film.stat()
    film.write_bytes(b"FILM")
    os.utime(film, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert film.stat().st_mtime_ns == times.st_mtime_ns
    assert file_digest(film, cache) == digest_of(b"FILM")


def test_a_file_of_this_moment_is_not_kept(film: Path, cache_home: Path) -> None:
    cache = DigestCache()
    file_digest(film, cache)
    cache.save()
    assert not cache_home.exists()


@pytest.mark.usefixtures("settled")
def test_two_writers_keep_each_others_digests(tmp_path: Path) -> None:
    first, second = DigestCache(), DigestCache()
    for cache, name in ((first, "a"), (second, "b")):
        (tmp_path / name).write_text(name)
        file_digest(tmp_path / name, cache)
        cache.save()
    kept = json.loads(default_cache_path().read_text())
    assert {Path(path).name for path in kept} == {"a", "b"}
    assert [path.name for path in default_cache_path().parent.iterdir()] == ["digests.json"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"a": 1}', '{"a": [1, 2, "x", "y"]}'])
@pytest.mark.usefixtures("settled")
def test_a_corrupt_cache_does_no_harm(film: Path, content: str) -> None:
    default_cache_path().parent.mkdir(parents=True)
    default_cache_path().write_text(content)
    cache = DigestCache()
    assert file_digest(film, cache) == digest_of(b"film")
    cache.save()
    assert str(film.resolve()) in json.loads(default_cache_path().read_text())


@pytest.mark.usefixtures("settled")
def test_an_unwritable_cache_does_no_harm(film: Path, cache_home: Path) -> None:
    cache_home.write_text("a file where the folder should be")
    cache = DigestCache()
    assert file_digest(film, cache) == digest_of(b"film")
    cache.save()
    assert cache_home.is_file()


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"film\.png: the file cannot be read"):
        file_digest(tmp_path / "film.png")


def test_a_fingerprint_follows_everything_that_changes_a_result(tmp_path: Path, film: Path) -> None:
    other = tmp_path / "other.bin"
    other.write_bytes(b"other")
    sample = Sample("a", "train", 10, 12, np.array([[1.0, 2.0]]), (0.1, 0.1))
    base = dataset_fingerprint([sample], {"a": film}, ["mm"])
    assert base == dataset_fingerprint([sample], {"a": film}, ["mm"])
    changes: list[dict[str, Any]] = [
        {"split": "test"},
        {"spacing": (0.1, 0.2)},
        {"group": "patient"},
        {"width": 11},
        {"points": np.array([[1.0, 2.0000001]])},
    ]
    prints = [
        dataset_fingerprint([dataclasses.replace(sample, **change)], {"a": film}, ["mm"])
        for change in changes
    ]
    prints.append(dataset_fingerprint([sample], {"a": other}, ["mm"]))
    prints.append(dataset_fingerprint([sample], {"a": film}, ["px@512"]))
    assert len({base, *prints}) == 8
