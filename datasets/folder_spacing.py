"""The spacing of each image of a user's folder, and where it comes from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark.datasets.folder_options import FROM_FILES, IN_PIXELS, is_table
from benchmark.errors import DataError
from benchmark.images import ImageHeader
from benchmark.labels.csv_table import IMAGE_COLUMNS, SPACING_COLUMNS, CsvTable, image_column
from benchmark.labels.label_set import LabelledImage
from benchmark.spacing import parse_spacing, spacing_text

Spacing = tuple[float, float]

DIFFERENCE = 0.02
"""Relative difference from which a given spacing is said to be at odds with that of the files."""

_AT_THE_DETECTOR = "ImagerPixelSpacing"


@dataclass(frozen=True)
class Spacings:
    """What is known of the spacing.

    Attributes:
        by_image: mm per px along x and along y by the image's name; empty where none is known.
        source: Where they come from, as part of a sentence; empty where none is known.
        notes: Sentences that a reader of the results must know.
    """

    by_image: Mapping[str, Spacing]
    source: str = ""
    notes: tuple[str, ...] = ()


def find_spacings(
    given: str | None,
    images: Sequence[LabelledImage],
    headers: Mapping[str, ImageHeader],
    root: Path,
    find: Callable[[str], str | None],
) -> Spacings:
    """The spacing of every image, from what was given, the labels or the files, in this order.

    Args:
        given: The option ``spacing``.
        images: All images.
        headers: What their files say, by name.
        root: Under which a table lies.
        find: The name of the image that a table means by a name, or None.

    Raises:
        DataError: Some images have a spacing and others none, or a table says what cannot be.
    """
    tags = {name: header.spacing for name, header in headers.items() if header.spacing is not None}
    if given == IN_PIXELS:
        return Spacings({})
    if given is None:
        columns = {image.name: image.spacing for image in images if image.spacing is not None}
        if columns:
            _ensure_all(images, columns, "the labels give", "fill in the column")
            return Spacings(columns, "a column of the labels", tuple(_at_odds(columns, tags)))
        return _of_tags(images, headers, tags) if tags else Spacings({})
    if given == FROM_FILES:
        return _of_tags(images, headers, tags)
    if is_table(given):
        table = _of_table(root / given, find)
        _ensure_all(images, table, f"{given} gives", "add it there")
        known = {image.name: table[image.name] for image in images}
        return Spacings(known, f"the table {Path(given).name}", tuple(_at_odds(known, tags)))
    spacing = parse_spacing(given)
    stated = {image.name: spacing for image in images}
    return Spacings(stated, "one value given for all images", tuple(_at_odds(stated, tags)))


def _of_tags(
    images: Sequence[LabelledImage],
    headers: Mapping[str, ImageHeader],
    tags: Mapping[str, Spacing],
) -> Spacings:
    mend = "give one for all with --spacing 0.1 (or px for errors in px), or a table"
    _ensure_all(images, tags, "the files give", mend)
    sources = Counter(headers[image.name].spacing_source for image in images)
    notes = []
    if sources[_AT_THE_DETECTOR]:
        notes.append(
            f"{sources[_AT_THE_DETECTOR]} of {len(images)} images state their spacing at the "
            f"detector only ({_AT_THE_DETECTOR}): the anatomy is magnified there, so errors in mm "
            "are somewhat too large."
        )
    named = ", ".join(f"{tag} ({count} images)" for tag, count in sources.most_common())
    return Spacings(tags, f"the tags of the files: {named}", tuple(notes))


def _ensure_all(
    images: Sequence[LabelledImage], known: Mapping[str, Spacing], who: str, mend: str
) -> None:
    lacking = [image for image in images if image.name not in known]
    if lacking:
        other = next(iter(known), None)
        but = f", but {who} that of {other}" if other is not None else f" ({who} none)"
        raise DataError(
            f"{lacking[0].where}: {lacking[0].name} has no spacing{but} ({len(lacking)} of "
            f"{len(images)} images have none); {mend}."
        )


def _at_odds(stated: Mapping[str, Spacing], tags: Mapping[str, Spacing]) -> list[str]:
    """A sentence where what was stated differs from the tags of the files."""
    differing = [
        name
        for name, tag in tags.items()
        if name in stated
        and any(abs(a / b - 1) > DIFFERENCE for a, b in zip(stated[name], tag, strict=True))
    ]
    if not differing:
        return []
    first = differing[0]
    note = (
        f"The spacing that was given differs from the files' own tags in {len(differing)} images: "
        f"{first} was given {spacing_text(stated[first])}, and its file says "
        f"{spacing_text(tags[first])}."
    )
    return [note]


def _of_table(path: Path, find: Callable[[str], str | None]) -> dict[str, Spacing]:
    """The spacing by image of a table with the columns image and spacing, or spacing_x and _y.

    Raises:
        DataError: A column is missing, an image is named twice, or a cell is no spacing.
    """
    if not path.is_file():
        raise DataError(
            f"{path}: the table of spacings is missing; restore it, or correct the name."
        )
    table = CsvTable(path)
    header = [cell.lower() for cell in table.header]
    image = image_column(header)
    columns = {name: header.index(name) for name in SPACING_COLUMNS if name in header}
    if image is None or not columns:
        raise DataError(
            f"{path}, line 1: the columns {IMAGE_COLUMNS[0]} and {SPACING_COLUMNS[0]} (or "
            "spacing_x and spacing_y) are needed; add them."
        )
    known: dict[str, Spacing] = {}
    for line, cells in table.rows():
        name = find(cells[header.index(image)])
        spacing = table.spacing({n: cells[place] for n, place in columns.items()}, line)
        if name is None or spacing is None:
            continue
        if known.setdefault(name, spacing) != spacing:
            raise DataError(f"{path}, line {line}: {name} has another spacing before; remove one.")
    return known
