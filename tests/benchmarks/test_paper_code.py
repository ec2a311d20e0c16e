"""The paper's side of the comparison, on a checkout of ours that has only its names."""

from pathlib import Path

import pytest

from benchmarks.against_paper import main
from benchmarks.turns import Contestant, Speed, take_turns

DATASETS = """
import albumentations_that_nobody_has_installed
"""
LANDMARKS = """
import GPUtil
import torch

class Cephalo(torch.utils.data.Dataset):
    def __init__(self, prefix, phase, size, num_channels, sigma):
        assert (phase, size, num_channels, sigma) == ("train", (16, 16), 1, 5)
        self.indexes = list(range(130))

    def __len__(self):
        return len(self.indexes)

    def __getitem__(self, index):
        return {"image": torch.zeros(1, 16, 16), "heatmaps": torch.zeros(19, 16, 16)}
"""


def checkout(folder: Path, text: str) -> Path:
    (folder / "downstream_task").mkdir(parents=True)
    (folder / "downstream_task" / "landmarks_datasets.py").write_text(text, encoding="utf-8")
    return folder


def contestant(folder: Path) -> Contestant:
    settings = {
        "checkout": str(folder),
        "packages": None,
        "cephalo": "nowhere",
        "size": 16,
        "batch": 4,
        "workers": 0,
        "shots": 10,
    }
    return Contestant("theirs", "benchmarks.paper_code:finetuning_batches", settings)


def test_the_datasets_of_the_checkout_are_loaded_and_nothing_is_written_there(
    tmp_path: Path,
) -> None:
    folder = checkout(tmp_path / "checkout", LANDMARKS)
    speed = take_turns([contestant(folder)], rounds=1, threads=1)["theirs"]
    assert isinstance(speed, Speed), speed
    assert speed.facts["items"] == 10
    files = [path.name for path in folder.rglob("*") if path.is_file()]
    assert files == ["landmarks_datasets.py"]


def test_a_library_that_nobody_stands_in_for_is_named(tmp_path: Path) -> None:
    folder = checkout(tmp_path / "checkout", DATASETS)
    error = take_turns([contestant(folder)], rounds=1, threads=1)["theirs"]
    assert "No module named 'albumentations_that_nobody_has_installed'" in str(error)


def test_a_folder_that_is_no_checkout_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["against_paper", "--checkout", str(tmp_path)])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert f"{tmp_path} holds no folder downstream_task" in capsys.readouterr().err
