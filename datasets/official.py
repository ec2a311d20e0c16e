"""What the three public benchmarks share: committed split files and the search for a download."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from benchmark.errors import DataError, UsageError
from benchmark.fingerprint import dataset_fingerprint
from benchmark.images import SUFFIXES, read_radiograph
from benchmark.plugins import LandmarkDataset, PluginOptions
from benchmark.records import SPLITS, DatasetIndex, Sample, Split
from benchmark.refusals import refuse

if TYPE_CHECKING:
    import numpy as np

_SPLITS_FOLDER = Path(__file__).parent / "splits"
_NAMED_AT_MOST = 3


@cache
def official_split(dataset: str, split: Split, folder: Path = _SPLITS_FOLDER) -> tuple[str, ...]:
    """The ids of an official split, in order of their names.

    Args:
        dataset: The folder under ``datasets/splits``.
        split: The file in it, without its ending.
        folder: Where the split files and their ``SHA256SUMS`` lie.

    Raises:
        DataError: The file is missing or was changed after its digest had been taken.
    """
    name = f"{dataset}/{split}.txt"
    path = folder / name
    try:
        # Universal newlines, so that a clone with CRLF line ends has the digests of `sha256sum`.
        text = path.read_text(encoding="ascii")
        sums = (folder / "SHA256SUMS").read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path}: the official split or its SHA256SUMS cannot be read; install again."
        ) from error
    if f"{hashlib.sha256(text.encode()).hexdigest()}  {name}" not in sums.splitlines():
        raise DataError(
            f"{path}: the official split was changed (its sha256 is not that of SHA256SUMS); "
            "restore the file, or bring a split of your own through the dataset 'folder'."
        )
    return tuple(text.split())


class OfficialOptions(PluginOptions):
    """Options of the public benchmarks."""

    partial: bool = Field(
        default=False,
        description="Use what is there of an incomplete download, within the official split.",
    )


class OfficialDataset(LandmarkDataset):
    """A public benchmark: official splits over a download that lies under the data root.

    The data root may also be a folder that holds several benchmarks, each in a folder of its name.
    An instance lists its folder once.

    Attributes:
        image_folders: Where images lie under the root, as patterns; the first match wins.
        landmark_names: In the order of the label files.
        unit: The unit of the errors.
        thresholds: The radii of SDR in ``unit``.
        remarks: Sentences that a reader of the results must know.
        annotator_names: In the order of ``Sample.annotators``, where samples keep several.
    """

    Options = OfficialOptions
    options: OfficialOptions
    image_folders: ClassVar[tuple[str, ...]]
    landmark_names: ClassVar[tuple[str, ...]]
    unit: ClassVar[str]
    thresholds: ClassVar[tuple[float, ...]]
    remarks: ClassVar[tuple[str, ...]] = ()
    annotator_names: ClassVar[tuple[str, ...]] = ()

    def __init__(self, options: PluginOptions | None = None, root: Path | None = None) -> None:
        super().__init__(options, root)
        self._images: dict[str, Path] | None = None

    @abstractmethod
    def absent_labels(self, image_id: str) -> Sequence[str]:
        """The label files (or rows) of an image that are missing, as a user would look for them."""

    @abstractmethod
    def sample(self, image_id: str, split: Split, image: Path) -> Sample:
        """Read the labels of one image, all of which are there.

        Raises:
            DataError: A label cannot be; one sentence names file and line.
        """

    def index(self) -> DatasetIndex:
        """Read labels and image headers of the official splits.

        Raises:
            UsageError: No data root was given.
            DataError: Images or labels are missing (and ``partial`` is off), or cannot be.
        """
        chosen, absent = self._present()
        if absent and not self.options.partial:
            raise self._incomplete(absent, "or use what is there with the option partial=true")
        for needed in ("train", "test"):
            if not any(split == needed for _, split in chosen):
                raise self._incomplete(absent, f"because not one {needed} image is complete")
        images = self._image_files()
        samples = tuple(self._samples(chosen, images))
        notes = self.remarks
        if absent:
            notes = (*notes, self._partial_note(samples, len(absent)))
        declared = (self.unit, repr(self.thresholds), *self.landmark_names)
        return DatasetIndex(
            name=self.name,
            title=self.title,
            landmark_names=self.landmark_names,
            unit=self.unit,
            thresholds=self.thresholds,
            samples=samples,
            fingerprint=dataset_fingerprint(samples, images, declared),
            notes=notes,
            annotator_names=self.annotator_names,
        )

    def _samples(
        self, chosen: Sequence[tuple[str, Split]], images: Mapping[str, Path]
    ) -> Iterator[Sample]:
        for name, split in chosen:
            try:
                yield self.sample(name, split, images[name])
            except DataError as error:
                refuse(error, name)

    def read(self, image_id: str) -> np.ndarray:
        """The radiograph as stored: (height, width) uint8, bone bright, maybe a scaled copy.

        Raises:
            DataError: The image is missing, truncated or of a kind that is not read.
        """
        image = self._image_files().get(image_id)
        if image is None:
            raise DataError(
                f"{self.folder() / self._image_name(image_id)}: the image is missing; get the data "
                f"({self.source})."
            )
        return read_radiograph(image)

    def folder(self) -> Path:
        """The folder in which the benchmark lies.

        Raises:
            UsageError: No data root was given.
            DataError: There is no such folder.
        """
        if self.root is None:
            raise UsageError(f"{self.name} needs --data-root DIR; {self.source}.")
        if not self.root.is_dir():
            raise DataError(
                f"{self.root}: the data root of {self.name} is no folder; correct --data-root, "
                f"or get the data: {self.source}."
            )
        own = self.root / self.name
        return own if own.is_dir() else self.root

    def _image_files(self) -> dict[str, Path]:
        if self._images is None:
            found: dict[str, Path] = {}
            for pattern in self.image_folders:
                for folder in sorted(self.folder().glob(pattern)):
                    for path in sorted(folder.iterdir() if folder.is_dir() else ()):
                        if path.suffix.lower() in SUFFIXES:
                            found.setdefault(path.stem, path)
            self._images = found
        return self._images

    def _present(self) -> tuple[list[tuple[str, Split]], dict[str, list[str]]]:
        images = self._image_files()
        chosen: list[tuple[str, Split]] = []
        absent: dict[str, list[str]] = {}
        for split in SPLITS:
            for name in official_split(self.name, split):
                missing = list(self.absent_labels(name))
                if name not in images:
                    missing.insert(0, self._image_name(name))
                if missing:
                    absent[name] = missing
                else:
                    chosen.append((name, split))
        return chosen, absent

    def _image_name(self, image_id: str) -> str:
        return f"{self.image_folders[0]}/{image_id}.*"

    def _incomplete(self, absent: dict[str, list[str]], remedy: str) -> DataError:
        files = list(dict.fromkeys(file for missing in absent.values() for file in missing))
        total = sum(len(official_split(self.name, split)) for split in SPLITS)
        named = ", ".join(files[:_NAMED_AT_MOST])
        more = f" and {len(files) - _NAMED_AT_MOST} more" if len(files) > _NAMED_AT_MOST else ""
        return DataError(
            f"{self.name}: {len(absent)} of {total} images are incomplete under "
            f"{self.folder()}, where {named}{more} is missing; get the data ({self.source}), "
            f"{remedy}."
        )

    def _partial_note(self, samples: Sequence[Sample], absent: int) -> str:
        counts = ", ".join(
            f"{sum(sample.split == split for sample in samples)} of "
            f"{len(official_split(self.name, split))} {split}"
            for split in SPLITS
        )
        return (
            f"Partial download: {absent} images of the official split are missing ({counts} "
            "images are used), so the numbers compare with no published table."
        )
