"""The committed split files: complete, disjoint, and refused once they were changed."""

import hashlib
import shutil
from pathlib import Path

import pytest

from benchmark.datasets import official
from benchmark.datasets.official import official_split
from benchmark.errors import DataError
from benchmark.records import SPLITS

SPLIT_FILES = Path(official.__file__).parent / "splits"


@pytest.mark.parametrize("dataset", ["cephalometric", "hand", "chest"])
def test_no_image_stands_in_two_splits(dataset: str) -> None:
    names = [name for split in SPLITS for name in official_split(dataset, split)]
    assert len(names) == len(set(names))


def test_every_split_file_has_a_digest_and_the_other_way_round() -> None:
    lines = (SPLIT_FILES / "SHA256SUMS").read_text().splitlines()
    listed = {line.split("  ")[1] for line in lines}
    assert listed == {p.relative_to(SPLIT_FILES).as_posix() for p in SPLIT_FILES.glob("*/*.txt")}
    assert len(listed) == 9


def test_a_changed_split_file_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "splits"
    shutil.copytree(SPLIT_FILES, folder)
    assert len(official_split("chest", "test", folder)) == 41
    path = folder / "chest" / "val.txt"
    path.write_text(path.read_text().replace("CHNCXR_0246_0\n", ""))
    with pytest.raises(DataError, match=r"val\.txt: the official split was changed"):
        official_split("chest", "val", folder)
    (folder / "chest" / "train.txt").unlink()
    with pytest.raises(DataError, match=r"train\.txt: .* cannot be read"):
        official_split("chest", "train", folder)


def test_line_ends_of_another_system_do_not_matter(tmp_path: Path) -> None:
    folder = tmp_path / "splits"
    shutil.copytree(SPLIT_FILES, folder)
    path = folder / "hand" / "val.txt"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert hashlib.sha256(path.read_bytes()).hexdigest() != digest
    assert official_split("hand", "val", folder) == official_split("hand", "val")
