"""The options of a user's own folder of radiographs."""

from __future__ import annotations

import math
import re

from pydantic import Field, field_validator

from benchmark.images import Window
from benchmark.labels.ground_truth import MEAN
from benchmark.plugins import PluginOptions
from benchmark.spacing import parse_spacing

FROM_FILES, IN_PIXELS = "files", "px"
"""What the option ``spacing`` says for the tags of the files, and for errors in px."""

MAX_TEXT = 500
"""A longer name or note would break every table that shows it."""

MAX_NAME = 255
"""File systems know no longer names."""

_TABLE_ENDINGS = (".csv", ".tsv")


class FolderOptions(PluginOptions):
    """Options of a user's own folder."""

    images: str | None = Field(
        default=None, description="Folder of the images under the root; default images/ or the root"
    )
    labels: str | None = Field(
        default=None,
        description="The file or folder of the labels, under the root; default: landmarks.csv, or "
        "what is found",
    )
    label_format: str | None = Field(
        default=None,
        description="csv-long, csv-wide, coco, labelme, cvat, slicer, isbi or shenzhen; default: "
        "found out from the content",
    )
    label_spacing: str | None = Field(
        default=None,
        description="mm per px that 3D Slicer took for the images; default: what their files say",
    )
    annotator: str = Field(
        default=MEAN, min_length=1, description="Ground truth: mean of all annotators, or one"
    )
    mask_occluded: bool = Field(
        default=False, description="Count landmarks that are marked as occluded as missing"
    )
    spacing: str | None = Field(
        default=None,
        description="mm per px: 0.1, or 0.1x0.12 for along x and along y; files: of their tags; a "
        "table.csv with image and spacing; px: errors in px. Default: a column of the labels, "
        "then the tags",
    )
    patient_tags: bool = Field(
        default=True, description="Keep DICOM files of one PatientID together in splits and draws"
    )
    test_fraction: float = Field(
        default=0.3, gt=0, lt=1, description="Share of test images where no split column is"
    )
    name: str | None = Field(default=None, min_length=1, description="Default: the root's name")
    reference_size: int = Field(
        default=512, ge=16, description="Longer side in px at which errors count without spacing"
    )
    thresholds: tuple[float, ...] | None = Field(
        default=None, description="Radii of SDR; default 2, 2.5, 3, 4 mm, or 3, 6, 9 px"
    )
    window: str = Field(
        default="auto",
        description="What is black and white in images of more than 8 bits: auto (a DICOM file's "
        "own window, else 0.5%..99.5%), full, values (0..4095), or shares of the pixels (1%..99%)",
    )
    invert: bool = Field(default=False, description="Bone is dark in the files: invert on reading")
    note: str | None = Field(default=None, description="A sentence for readers of the results")

    @field_validator("spacing", "label_spacing", mode="before")
    @classmethod
    def _spacing_as_text(cls, value: object) -> object:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return str(value) if is_number else value

    @field_validator("label_spacing")
    @classmethod
    def _label_spacing_is_positive(cls, value: str | None) -> str | None:
        if value is not None:
            parse_spacing(value)
        return value

    @field_validator("spacing")
    @classmethod
    def _spacing_is_known(cls, value: str | None) -> str | None:
        if value is not None and not is_table(value) and value not in {FROM_FILES, IN_PIXELS}:
            parse_spacing(value)
        return value

    @field_validator(
        "images", "labels", "label_format", "annotator", "spacing", "name", "note", "window"
    )
    @classmethod
    def _text_can_be(cls, value: str | None) -> str | None:
        if value is not None and not (value.isprintable() and len(value) <= MAX_TEXT):
            raise ValueError(f"it must be printable, and no longer than {MAX_TEXT} signs")
        return value

    @field_validator("images", "labels", "spacing")
    @classmethod
    def _name_can_be(cls, value: str | None) -> str | None:
        parts = value.split("/") if value is not None else ()
        if any(len(part.encode()) > MAX_NAME for part in parts):
            raise ValueError(f"a name of a file has no more than {MAX_NAME} signs")
        return value

    @field_validator("window")
    @classmethod
    def _window_is_one(cls, value: str) -> str:
        Window.parse(value)
        return value

    @field_validator("thresholds", mode="before")
    @classmethod
    def _thresholds_from_text(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(re.split(r"[\s,;/]+", value.strip()))
        return (value,) if isinstance(value, int | float) else value

    @field_validator("thresholds")
    @classmethod
    def _thresholds_are_radii(cls, value: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if value is not None and (not value or not all(math.isfinite(v) and v > 0 for v in value)):
            raise ValueError("thresholds are positive numbers")
        return None if value is None else tuple(sorted(set(value)))


def is_table(spacing: str) -> bool:
    """Whether the option ``spacing`` names a table."""
    return spacing.lower().endswith(_TABLE_ENDINGS)
