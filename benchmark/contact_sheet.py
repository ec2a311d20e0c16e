"""A contact sheet: images with their landmarks, because people find errors by looking."""

from __future__ import annotations

import base64
import colorsys
import functools
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark.files import write_file
from benchmark.images import scale_to
from benchmark.plugins import LandmarkDataset
from benchmark.records import DatasetIndex, Sample
from benchmark.spacing import spacing_text
from benchmark.splits import draw

if TYPE_CHECKING:
    from jinja2 import Template
    from PIL import Image

TEMPLATES = Path(__file__).with_name("templates")

TILE_SIDE, PAGE_SIDE = 240, 480
"""Longer side of an image on the sheet and on the page, px."""

COLUMNS = 6
_GAP, _CAPTION, _LEGEND_LINE = 8, 16, 18
_PAPER, _INK = (24, 24, 24), (230, 230, 230)
_LONGEST_NAME = 36


@dataclass(frozen=True, eq=False)
class Tile:
    """An image of the sheet.

    Attributes:
        sample: Its record.
        pixels: (height, width) uint8, longer side `PAGE_SIDE` at most.
        points: (landmarks, 2) px of ``pixels``, NaN where missing.
    """

    sample: Sample
    pixels: np.ndarray
    points: np.ndarray


def choose(index: DatasetIndex, count: int) -> tuple[Sample, ...]:
    """The images to show, in their order: all, or so many of them drawn by hash.

    Args:
        index: The dataset.
        count: How many at most.
    """
    samples = index.samples
    if len(samples) <= count:
        return samples
    chosen = set(draw([sample.id for sample in samples], "contact sheet", 0, count))
    return tuple(sample for sample in samples if sample.id in chosen)


def make_tile(dataset: LandmarkDataset, sample: Sample) -> Tile:
    """Read an image and scale it down for the sheet.

    Raises:
        DataError: It cannot be read.
    """
    pixels = dataset.read(sample.id)
    height, width = pixels.shape
    scale = min(1.0, PAGE_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    # The frame of the landmarks, of which the file may be a copy at another size.
    factor = np.array([size[0] / sample.width, size[1] / sample.height])
    return Tile(sample, scale_to(pixels, size), (sample.points + 0.5) * factor - 0.5)


def write_sheet(path: Path, tiles: Sequence[Tile], landmark_names: Sequence[str]) -> None:
    """Write the sheet as one PNG, with the names of the landmarks under it.

    Raises:
        StoreError: The file cannot be written.
    """
    from PIL import Image, ImageDraw, ImageFont

    columns = min(COLUMNS, len(tiles))
    rows = math.ceil(len(tiles) / columns)
    cell = TILE_SIDE + _GAP, TILE_SIDE + _GAP + _CAPTION
    width = max(columns * cell[0], 3 * cell[0]) + _GAP
    a_line = max(1, width // cell[0])
    legend = math.ceil(len(landmark_names) / a_line) * _LEGEND_LINE + 2 * _GAP
    sheet = Image.new("RGB", (width, rows * cell[1] + _GAP + legend), _PAPER)
    canvas, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    colours = colours_of(len(landmark_names))
    for number, tile in enumerate(tiles):
        left = _GAP + number % columns * cell[0]
        top = _GAP + number // columns * cell[1]
        sheet.paste(_drawn(tile, colours), (left, top))
        caption = f"{_short(tile.sample.id)} ({tile.sample.split})"
        canvas.text((left, top + TILE_SIDE + 1), caption, _INK, font)
    for number, (name, colour) in enumerate(zip(landmark_names, colours, strict=True)):
        left = _GAP + number % a_line * cell[0]
        top = rows * cell[1] + 2 * _GAP + number // a_line * _LEGEND_LINE
        canvas.ellipse((left, top + 3, left + 8, top + 11), colour)
        canvas.text((left + 14, top), f"{number + 1} {_short(name)}", _INK, font)
    stream = io.BytesIO()
    sheet.save(stream, "PNG")
    write_file(path, stream.getvalue())


@functools.cache
def _template() -> Template:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template("contact_sheet.html.j2")


def write_page(
    path: Path, index: DatasetIndex, tiles: Sequence[Tile], facts: Sequence[tuple[str, str]]
) -> None:
    """Write the sheet as one HTML page that loads nothing and runs nothing.

    Args:
        path: Where to write.
        index: The dataset.
        tiles: The images.
        facts: What stands above them, as pairs of a name and a text.

    Raises:
        StoreError: The file cannot be written.
    """
    colours = [_hex(colour) for colour in colours_of(len(index.landmark_names))]
    text = _template().render(
        title=index.title,
        facts=facts,
        total=len(index.samples),
        landmarks=list(zip(index.landmark_names, colours, strict=True)),
        tiles=[_figure(tile, index, colours) for tile in tiles],
    )
    write_file(path, text)


def colours_of(count: int) -> list[tuple[int, int, int]]:
    """Bright colours that differ from grey and, as far as they can, from their neighbours."""
    turn = 0.61803398875  # the golden ratio spreads any number of hues
    return [
        tuple(round(255 * part) for part in colorsys.hsv_to_rgb(k * turn % 1, 0.85, 1))  # type: ignore[misc]
        for k in range(count)
    ]


def _drawn(tile: Tile, colours: Sequence[tuple[int, int, int]]) -> Image.Image:
    """A tile at the size of the sheet, with a dot for each landmark."""
    from PIL import Image, ImageDraw

    height, width = tile.pixels.shape
    scale = min(1.0, TILE_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    image = Image.fromarray(scale_to(tile.pixels, size)).convert("RGB")
    canvas = ImageDraw.Draw(image)
    points = (tile.points + 0.5) * scale - 0.5
    for (x, y), colour in zip(points.tolist(), colours, strict=True):
        if not math.isnan(x):
            canvas.ellipse((x - 2.5, y - 2.5, x + 2.5, y + 2.5), colour, (0, 0, 0))
    return image


def _figure(tile: Tile, index: DatasetIndex, colours: Sequence[str]) -> dict[str, Any]:
    """What the page shows of an image."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(tile.pixels).save(stream, "JPEG", quality=80)
    sample = tile.sample
    names = index.landmark_names
    known = [not math.isnan(x) for x in tile.points[:, 0].tolist()]
    return {
        "name": sample.id,
        "split": sample.split,
        "size": f"{sample.width} x {sample.height} px",
        "spacing": spacing_text(sample.spacing) if index.unit == "mm" else "",
        "patient": sample.group,
        "missing": [name for name, there in zip(names, known, strict=True) if not there],
        "width": tile.pixels.shape[1],
        "height": tile.pixels.shape[0],
        "picture": base64.b64encode(stream.getvalue()).decode("ascii"),
        "points": [
            {"x": f"{x + 0.5:.1f}", "y": f"{y + 0.5:.1f}", "name": name, "colour": colour}
            for (x, y), name, colour, there in zip(
                tile.points.tolist(), names, colours, known, strict=True
            )
            if there
        ],
    }


def _hex(colour: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"...{name[3 - _LONGEST_NAME :]}"
