"""The hands of the Digital Hand Atlas: 37 landmarks, scaled by the width of the wrist."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmark.datasets.annotations import check_inside
from benchmark.datasets.official import OfficialDataset
from benchmark.errors import DataError
from benchmark.images import image_size
from benchmark.labels.files import number, read_lines
from benchmark.plugins import PluginOptions
from benchmark.records import Sample, Split

WRIST_MM = 50.0
"""Distance between landmarks 1 and 5 by convention (Payer et al., MedIA 2019)."""

_LABEL_FILES = ("labels/all.csv", "all.csv")
_FINGERS = ("index", "middle", "ring", "little")

LANDMARK_NAMES = (
    "distal ulna, ulnar corner",
    "ulnar styloid",
    "distal ulna, radial corner",
    "distal radius, ulnar corner",
    "distal radius, radial corner",
    "radial styloid",
    *(f"carpal {k}" for k in range(1, 8)),
    *(f"{digit} metacarpal base" for digit in ("little", "ring", "middle", "index", "thumb")),
    *(f"thumb {part}" for part in ("metacarpophalangeal joint", "interphalangeal joint", "tip")),
    *(
        f"{finger} {part}"
        for finger in _FINGERS
        for part in (
            "metacarpophalangeal joint",
            "proximal interphalangeal joint",
            "distal interphalangeal joint",
            "tip",
        )
    ),
)


class Hand(OfficialDataset):
    """Digital Hand Atlas with 37 landmarks (Gertych et al. 2007; Payer et al. 2019).

    Layout under the data root: ``jpg/NNNN.jpg`` (or png, bmp, tif) at native size and
    ``labels/all.csv`` (or ``all.csv``) without header: id, x1, y1, ... x37, y37 in native px. The
    films have no spacing: by convention landmarks 1 and 5, across the wrist, are 50 mm
    apart, which gives each image its own mm per px, the same on both axes.

    Split by sorted name of the 910 labelled ids: 550 train, 59 val, 301 test. The literature writes
    909 images and 300 test images, because one published copy lacks an image.

    The landmarks were published without names. The finger joints and tips (19-37) and the
    metacarpal bases (14-18) are read off their mean positions; the names of the wrist (1-6) are
    likely, and those of the carpals (7-13) are nominal.
    """

    name = "hand"
    title = "Hand (Digital Hand Atlas)"
    citation = "Gertych et al., Comput. Med. Imaging Graph. 31, 2007; labels of Payer et al., 2019"
    licence = "research use, not to be redistributed"
    source = (
        "images at https://ipilab.usc.edu/research/baaweb/, labels in "
        "hand_xray/hand_xray_dataset/setup/all.csv of "
        "https://github.com/christianpayer/MedicalDataAugmentationTool-HeatmapRegression"
    )
    image_folders = ("jpg",)
    landmark_names = LANDMARK_NAMES
    unit = "mm"
    thresholds = (2.0, 4.0, 10.0)
    remarks = (
        "Millimetres follow the convention that landmarks 1 and 5 are 50 mm apart in every hand.",
    )

    def __init__(self, options: PluginOptions | None = None, root: Path | None = None) -> None:
        super().__init__(options, root)
        self._rows: dict[str, tuple[int, list[str]]] | None = None

    def absent_labels(self, image_id: str) -> list[str]:
        """The row of ``labels/all.csv`` where it, or the file, is missing."""
        if not self._label_path().is_file():
            return [_LABEL_FILES[0]]
        return [] if image_id in self._label_rows() else [f"row {image_id} of {_LABEL_FILES[0]}"]

    def sample(self, image_id: str, split: Split, image: Path) -> Sample:
        """The frame of the image file, and 50 mm over the width of the wrist as spacing.

        Raises:
            DataError: A row lacks numbers or says something that cannot be.
        """
        path = self._label_path()
        line, fields = self._label_rows()[image_id]
        if len(fields) != 2 * len(LANDMARK_NAMES):
            raise DataError(
                f"{path}, line {line}: {2 * len(LANDMARK_NAMES)} coordinates are needed after "
                f"the id {image_id}, not {len(fields)}; restore the file as it is distributed."
            )
        points = np.array([number(field, path, line) for field in fields]).reshape(-1, 2)
        size = image_size(image)
        mend = (
            f"labels are in px of the original, so {image} must have its size, or the line is wrong"
        )
        for x, y in points:
            check_inside((float(x), float(y)), size, path, f"line {line}", mend)
        wrist = float(np.hypot(*(points[4] - points[0])))
        if wrist < 1.0:
            raise DataError(
                f"{path}, line {line}: landmarks 1 and 5 coincide, but their distance is the "
                "scale of the image; correct the line."
            )
        return Sample(
            id=image_id,
            split=split,
            width=size[0],
            height=size[1],
            points=points,
            spacing=(WRIST_MM / wrist, WRIST_MM / wrist),
        )

    def _label_path(self) -> Path:
        candidates = [self.folder() / name for name in _LABEL_FILES]
        return next((path for path in candidates if path.is_file()), candidates[0])

    def _label_rows(self) -> dict[str, tuple[int, list[str]]]:
        """Line number and coordinates of each id, as text."""
        if self._rows is None:
            path = self._label_path()
            rows: dict[str, tuple[int, list[str]]] = {}
            for line, text in enumerate(read_lines(path), start=1):
                image_id, *fields = text.split(",")
                if not text.strip():
                    continue
                if image_id.strip() in rows:
                    first = rows[image_id.strip()][0]
                    raise DataError(
                        f"{path}, line {line}: the id {image_id.strip()} stands on line {first} "
                        "already; remove one of the two."
                    )
                rows[image_id.strip()] = (line, fields)
            self._rows = rows
        return self._rows
