"""Procedural radiographs with exact landmarks: cephalogram, hand and chest."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, ClassVar, cast

from pydantic import Field

from benchmark.datasets.phantom.cephalogram import Cephalogram
from benchmark.datasets.phantom.chest import Chest
from benchmark.datasets.phantom.hand import Hand
from benchmark.datasets.phantom.subjects import (
    Anatomy,
    landmarks_in_pixels,
    render,
    sample_subject,
)
from benchmark.errors import DataError
from benchmark.plugins import LandmarkDataset, PluginOptions
from benchmark.records import DatasetIndex, Sample, Split

if TYPE_CHECKING:
    import numpy as np

_CAVEAT = (
    "The images are computed, not acquired: conclusions about real radiographs need real data."
)


class PhantomOptions(PluginOptions):
    """Which subjects are computed, and how they are exposed."""

    train: int = Field(300, ge=1, le=40_000, description="Number of training subjects.")
    test: int = Field(100, ge=1, le=40_000, description="Number of test subjects.")
    size: int = Field(256, ge=64, le=2048, description="Width and height of an image in px.")
    dose: float | None = Field(
        None,
        gt=0,
        le=1e6,
        description="Mean photons a pixel behind the subject; varies from 300 to 6,000 if None.",
    )
    distractors: bool = Field(
        True, description="Whether metal, tubes, letters and collimation are in the picture."
    )
    start: int = Field(
        0, ge=0, le=9_999, description="Subjects of each split to pass over; gives other subjects."
    )


class _Phantom(LandmarkDataset):
    """What the three phantoms share.

    A subject is computed from its number alone. Even numbers are trained on and odd ones are
    tested on, so that neither split changes with the size of the other.
    """

    citation = "Procedural phantom of this project; no publication."
    licence = "Apache-2.0; the images themselves are in the public domain (CC0-1.0)"
    synthetic = True
    needs_root = False
    source = "Computed on this machine; nothing is downloaded."
    Options = PhantomOptions

    anatomy: ClassVar[type[Anatomy]]
    thresholds: ClassVar[tuple[float, ...]]

    def index(self) -> DatasetIndex:
        """All subjects with their landmarks; nothing is rendered."""
        options = self._options
        splits: tuple[tuple[Split, int], ...] = (("train", options.train), ("test", options.test))
        samples = tuple(
            self._sample(2 * (options.start + k) + parity, split)
            for parity, (split, count) in enumerate(splits)
            for k in range(count)
        )
        return DatasetIndex(
            name=self.name,
            title=self.title,
            landmark_names=self.anatomy.landmark_names,
            unit="mm",
            thresholds=self.thresholds,
            samples=samples,
            fingerprint=self._fingerprint(),
            notes=(_CAVEAT,),
        )

    def read(self, image_id: str) -> np.ndarray:
        """Render a subject: (size, size) uint8, bone bright.

        Raises:
            DataError: The id is not one of this dataset's.
        """
        options = self._options
        match = re.fullmatch(r"subject-(\d{5,})", image_id)
        subject = int(match[1]) if match else -1
        position = subject // 2 - options.start
        count = options.test if subject % 2 else options.train
        if not 0 <= position < count or image_id != _image_id(subject):
            message = (
                f"{self.name} has no image {image_id!r}; with these options the training images "
                f"are the even ones from {_image_id(2 * options.start)} to "
                f"{_image_id(2 * (options.start + options.train - 1))} and the test images the "
                f"odd ones from {_image_id(2 * options.start + 1)} to "
                f"{_image_id(2 * (options.start + options.test) - 1)}."
            )
            raise DataError(message)
        return render(self.anatomy, subject, options.size, options.dose, options.distractors)

    @property
    def _options(self) -> PhantomOptions:
        return cast("PhantomOptions", self.options)

    def _sample(self, subject: int, split: Split) -> Sample:
        size = self._options.size
        spacing = self.anatomy.field / size
        body = sample_subject(self.anatomy, subject)
        return Sample(
            id=_image_id(subject),
            split=split,
            width=size,
            height=size,
            points=landmarks_in_pixels(body, size),
            spacing=(spacing, spacing),
            attributes=body.attributes,
        )

    def _fingerprint(self) -> str:
        """Digest of name, version and options, which determine every pixel and landmark."""
        options = json.dumps(self._options.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(f"{self.name}|{self.version}|{options}".encode()).hexdigest()


def _image_id(subject: int) -> str:
    return f"subject-{subject:05d}"


class PhantomCephalometric(_Phantom):
    """Lateral cephalograms with the 19 landmarks of ISBI 2015, in its order."""

    name = "phantom-cephalometric"
    title = "Cephalometric phantom"
    anatomy = Cephalogram
    thresholds = (2.0, 2.5, 3.0, 4.0)


class PhantomHand(_Phantom):
    """Hand radiographs with the 37 landmarks of the public set, in its order.

    Landmarks 0 and 4 are the pair across the wrist. Unlike there, mm are the subject's own.
    """

    name = "phantom-hand"
    title = "Hand phantom"
    anatomy = Hand
    thresholds = (2.0, 4.0, 10.0)


class PhantomChest(_Phantom):
    """Frontal chest radiographs with 6 landmarks, in the order of the Shenzhen set's labels."""

    name = "phantom-chest"
    title = "Chest phantom"
    anatomy = Chest
    thresholds = (3.0, 6.0, 9.0)
