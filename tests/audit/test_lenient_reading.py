"""An audit reads on where a run refuses, and tells every fault; a run goes on refusing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmark.audit.checks import Findings, find_faults
from benchmark.audit.reading import read_material
from benchmark.dataset_choice import choose_dataset
from benchmark.datasets.folder import Folder
from benchmark.errors import DataError
from benchmark.plugin_specs import PluginSpec
from benchmark.refusals import noted_refusals, refuse

SHAPE = np.array([(10, 10), (50, 12), (30, 30), (12, 48), (48, 50)], dtype=float)
NAMES = ("nose", "ear", "chin", "left", "right")

Rows = list[dict[str, Any]]


def write(root: Path, change: Callable[[Rows], None] = lambda rows: None) -> Path:
    """Twenty noisy pictures with five landmarks, patients and splits, changed as asked."""
    generator = np.random.default_rng(5)
    (root / "images").mkdir(parents=True)
    rows: Rows = []
    for number in range(20):
        name = f"film{number:02d}.png"
        coarse = generator.integers(0, 255, (12, 12), dtype=np.uint8)
        Image.fromarray(coarse).resize((64, 64)).save(root / "images" / name)
        points = SHAPE + generator.normal(0, 1, SHAPE.shape) + generator.normal(0, 2, 2)
        rows += [
            {
                "image": name,
                "landmark": landmark,
                "x": x,
                "y": y,
                "split": "test" if number % 4 == 0 else "train",
                "patient": f"P{number}",
            }
            for landmark, (x, y) in zip(NAMES, points, strict=True)
        ]
    change(rows)
    lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
    (root / "landmarks.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


def of(rows: Rows, number: int) -> Rows:
    return [row for row in rows if row["image"] == f"film{number:02d}.png"]


def audited(root: Path) -> Findings:
    return find_faults(read_material(choose_dataset(PluginSpec("folder"), {"": root})))


def spoil(rows: Rows) -> None:
    """A point outside, a patient on both sides, an image without points, and one named twice."""
    of(rows, 1)[2]["x"] = 900
    for row in of(rows, 4):
        row["patient"] = "P5"
    for row in of(rows, 6):
        row["image"] = "film11"
    for row in of(rows, 9):
        row["x"] = row["y"] = ""


@pytest.fixture(name="spoilt")
def spoilt_folder(tmp_path: Path) -> Path:
    root = write(tmp_path / "mine", spoil)
    (root / "images" / "film07.png").unlink()
    whole = (root / "images" / "film03.png").read_bytes()
    (root / "images" / "film03.png").write_bytes(whole[: len(whole) // 2])
    (root / "images" / "film10.png").write_bytes(b"")
    return root


def test_a_sound_folder_has_no_finding(tmp_path: Path) -> None:
    assert audited(write(tmp_path / "mine")).all == ()


def test_all_faults_that_a_run_refuses_one_by_one_are_found_at_once(spoilt: Path) -> None:
    findings = audited(spoilt)
    found = {(f.check, f.images[0], f.landmark) for f in findings.all}
    assert found == {
        ("outside", "film01.png", "chin"),
        ("patient", "film04.png", ""),
        ("refused", "film11.png", ""),
        ("copy", "film11", ""),
        ("refused", "film09.png", ""),
        ("refused", "film07.png", ""),
        ("refused", "film10.png", ""),
        ("damaged", "film03.png", ""),
    }
    assert {f.certainty for f in findings.all} == {"certain"}
    sentences = " ".join(f.sentence for f in findings.all)
    for words in ("are one file", "is not in", "no landmark at all", "file is empty"):
        assert words in sentences


def test_a_run_still_refuses_the_folder(spoilt: Path) -> None:
    with pytest.raises(DataError, match=r"film07\.png is not in"):
        Folder(root=spoilt).index()
    audited(spoilt)
    with pytest.raises(DataError, match=r"film07\.png is not in"):
        Folder(root=spoilt).index()


def test_points_outside_are_refused_again_after_an_audit(tmp_path: Path) -> None:
    def move(rows: Rows) -> None:
        of(rows, 1)[2]["x"] = 900

    root = write(tmp_path / "mine", move)
    assert [f.check for f in audited(root).all] == ["outside"]
    with pytest.raises(DataError, match="lies outside the image"):
        Folder(root=root).index()


def test_a_folder_of_which_nothing_can_be_read_is_told_image_by_image(tmp_path: Path) -> None:
    root = write(tmp_path / "mine")
    for path in (root / "images").iterdir():
        path.write_bytes(b"")
    checks = [f.check for f in audited(root).all]
    assert checks.count("refused") >= 20
    assert set(checks) == {"refused"}


def test_refusals_are_raised_outside_of_an_audit_and_after_an_error_in_one() -> None:
    with pytest.raises(DataError, match="first"):
        refuse(DataError("first"))
    with noted_refusals() as noted:
        refuse(DataError("second"), "film")
        refuse(DataError("third"), seen=True)
    assert [(r.image, r.sentence) for r in noted] == [("film", "second")]
    with pytest.raises(ValueError, match="stop"), noted_refusals():
        raise ValueError("stop")
    with pytest.raises(DataError, match="fourth"):
        refuse(DataError("fourth"))
