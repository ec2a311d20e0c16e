"""The contact sheet shows images with their landmarks, and nothing that a name says is run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmark.contact_sheet import (
    COLUMNS,
    PAGE_SIDE,
    TILE_SIDE,
    choose,
    colours_of,
    make_tile,
    write_page,
    write_sheet,
)
from benchmark.datasets.folder import Folder
from benchmark.datasets.folder_options import FolderOptions
from benchmark.records import DatasetIndex

EVIL = '"><script>alert(1)</script><img src=x onerror=alert(2)>'


@pytest.fixture
def films(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """Eight black films of 600 x 300 px with two landmarks, one of which bears an evil name."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "private"))
    rows = ["image,landmark,x,y"]
    for n in range(8):
        Image.fromarray(np.zeros((300, 600), np.uint8)).save(tmp_path / f"film{n}.png")
        rows.append(f"film{n}.png,apex,{100 + n},50")
        rows.append(f"film{n}.png,{EVIL.replace(chr(34), '')},400,200")
    rows[-1] = rows[-1].replace("400,200", ",")
    (tmp_path / "landmarks.csv").write_text("\n".join(rows) + "\n")
    return Folder(FolderOptions(name=EVIL, spacing="0.5"), tmp_path)


class Parsed(HTMLParser):
    """Tags with their attributes, and all text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, Mapping[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def page_of(films: Folder, path: Path) -> tuple[Parsed, DatasetIndex]:
    index = films.index()
    tiles = [make_tile(films, sample) for sample in index.samples]
    write_page(path, index, tiles, [("note", EVIL)])
    parsed = Parsed()
    parsed.feed(path.read_text(encoding="utf-8"))
    return parsed, index


def test_a_point_stands_on_the_sheet_where_it_is_in_the_image(
    films: Folder, tmp_path: Path
) -> None:
    index = films.index()
    tiles = [make_tile(films, sample) for sample in index.samples]
    write_sheet(tmp_path / "sheet.png", tiles, index.landmark_names)
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    apex = colours_of(2)[0]
    spots = np.argwhere((sheet[: TILE_SIDE // 2] == apex).all(axis=2))
    for number in range(COLUMNS):
        left = 8 + number * (TILE_SIDE + 8)
        own = spots[(spots[:, 1] >= left) & (spots[:, 1] < left + TILE_SIDE)] - (8, left)
        scale = TILE_SIDE / 600
        expected = (50.5 * scale - 0.5, (100.5 + number) * scale - 0.5)
        assert own.mean(axis=0) == pytest.approx(expected, abs=1)


def test_the_page_holds_every_image_and_point_and_says_what_is_missing(
    films: Folder, tmp_path: Path
) -> None:
    parsed, index = page_of(films, tmp_path / "page.html")
    pictures = [attrs["href"] for tag, attrs in parsed.tags if tag == "image"]
    assert len(pictures) == len(index.samples) == 8
    assert sum(tag == "circle" for tag, _ in parsed.tags) == 15
    first = next(attrs for tag, attrs in parsed.tags if tag == "circle")
    scale = PAGE_SIDE / 600
    assert (first["cx"], first["cy"]) == (f"{100.5 * scale:.1f}", f"{50.5 * scale:.1f}")
    assert "without" in parsed.text
    assert "600 x 300 px, 0.5 mm" in parsed.text


def test_names_are_text_and_the_page_asks_nothing_of_the_network(
    films: Folder, tmp_path: Path
) -> None:
    parsed, _ = page_of(films, tmp_path / "page.html")
    assert not {tag for tag, _ in parsed.tags} & {"script", "img", "iframe", "link", "object"}
    assert not [name for _, attrs in parsed.tags for name in attrs if name.startswith("on")]
    links = [a[k] or "" for _, a in parsed.tags for k in ("href", "src") if k in a]
    assert all(re.match(r"#|data:image/jpeg;base64,", link) for link in links)
    policy = next(a["content"] for _, a in parsed.tags if "http-equiv" in a)
    assert policy is not None
    assert "default-src 'none'" in policy
    assert EVIL in parsed.text


def test_of_many_images_so_many_are_drawn_and_always_the_same(films: Folder) -> None:
    index = films.index()
    few = choose(index, 3)
    assert len(few) == 3
    assert [s.id for s in few] == [s.id for s in choose(index, 3)]
    assert {s.id for s in few} < {s.id for s in choose(index, 5)}
    assert choose(index, 99) == index.samples


def test_colours_are_bright_and_all_different() -> None:
    colours = colours_of(37)
    assert len(set(colours)) == 37
    assert all(max(colour) == 255 and min(colour) < 60 for colour in colours)
