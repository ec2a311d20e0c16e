"""The records of the store about data: prepared datasets, their leaks and further images."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from benchmark.checked_names import FileName, Key, PreviewName


class Record(BaseModel):
    """Base of all records: frozen, and tolerant of fields that a later version adds."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Leak(Record):
    """A training or validation image that shows the same film as a test image."""

    pool_id: str
    test_id: str
    correlation: float


class AnnotatorDistance(Record):
    """How far apart two annotators set the same landmarks: mean radial distance, in one unit."""

    first: str
    second: str
    images: int = Field(description="Images with a landmark that both set.")
    points: int = Field(description="Landmarks that both set.")
    mean: float
    per_landmark: dict[str, float | None] = Field(default_factory=dict)


class DatasetRecord(Record):
    """``datasets/<key>/dataset.json``: a dataset as it was prepared at one working size."""

    key: Key
    name: str
    title: str
    synthetic: bool
    unit: str
    thresholds: tuple[float, ...]
    landmark_names: tuple[str, ...]
    counts: dict[str, int] = Field(description="Images a split: train, val, test, and the pool.")
    working_size: tuple[int, int] = Field(description="Height and width in px.")
    annotator_distance: float | None = Field(
        default=None, description="Mean over all pairs of annotators, on the test images."
    )
    annotators: tuple[AnnotatorDistance, ...] = Field(
        default=(), description="The pairs of annotators, on the test images."
    )
    notes: tuple[str, ...] = ()
    spacing_source: str = Field(
        default="", description="Where the spacing of a user's images is from."
    )
    leaks: tuple[Leak, ...] = ()
    leaks_allowed: bool = False
    leaks_excluded: bool = Field(
        default=False, description="Whether the test images of the leaks were left out."
    )
    fingerprint: str
    citation: str = ""
    licence: str = ""
    options: dict[str, Any] = Field(default_factory=dict)
    seconds: float = 0.0
    files: dict[FileName, str] = Field(default_factory=dict, description="sha256 by file name.")


class Preview(Record):
    """A small picture of a test image, with the native frame that predictions refer to."""

    file: PreviewName
    width: int
    height: int


class ExtraPool(Record):
    """``unlabelled/<key>/unlabelled.json``: the user's further images, prepared for a dataset.

    The leaks are the images that were dropped because they show a test image, or that stayed at
    the user's word; their files are told relative to the user's folder.
    """

    key: Key
    dataset_key: Key
    found: int = Field(description="Images in the folder.")
    kept: int = Field(description="Images that pretraining sees.")
    copies: int = Field(description="Images left out, as they stand in the pool already.")
    leaks: tuple[Leak, ...] = ()
    leaks_allowed: bool = False
    fingerprint: str = ""
    seconds: float = 0.0
    files: dict[FileName, str] = Field(default_factory=dict, description="sha256 by file name.")

    @property
    def leaking(self) -> int:
        """Images that show a test image."""
        return len({leak.pool_id for leak in self.leaks})
