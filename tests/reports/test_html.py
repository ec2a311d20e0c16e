"""The HTML report: complete, self-contained, escaped, and right in what it draws."""

from __future__ import annotations

import re
import subprocess
import sys
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest

from benchmark.reports.building import build_tables
from benchmark.reports.html import HtmlReport
from benchmark.reports.inline import SCRIPTS
from benchmark.reports.leaderboard import EMPTY
from benchmark.store import Store
from tests.reports.store_builder import FAILURE, build_store
from tests.reports.synthetic_data import DATASETS, STRATEGIES, Data

HAND, HEAD = DATASETS
ATTACK = "<script>alert(1)</script>"


class Elements(HTMLParser):
    """Tags with their attributes, and the text of each element that is asked for."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: dict[str, list[str]] = {}
        self._open: list[str] = []
        self._cells: list[tuple[dict[str, str | None], list[str]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "td":
            self._cells.append((dict(attrs), []))
        if tag not in ("meta", "img", "input", "wbr", "link"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open.pop() == tag, f"</{tag}> closes another element"

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self._open:
            self.text.setdefault(self._open[-1], []).append(data)
        if "td" in self._open:
            self._cells[-1][1].append(data)

    def values(self, name: str) -> list[tuple[str, str]]:
        """Sort value and text of each td of a class, in their order."""
        return [
            (attributes.get("data-value") or "", " ".join("".join(text).split()))
            for attributes, text in self._cells
            if name in (attributes.get("class") or "").split()
        ]

    def visible(self) -> str:
        """All text but scripts and styles."""
        parts = (t for tag, t in self.text.items() if tag not in ("script", "style"))
        return " ".join(" ".join(part) for part in parts)


def test_page_is_well_formed_and_its_ids_are_unique(page: str) -> None:
    elements = Elements(page)
    ids = [attributes["id"] for _, attributes in elements.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {
        value[1:]
        for _, attributes in elements.tags
        for name, value in attributes.items()
        if name in ("href", "aria-labelledby") and value and value.startswith("#")
    }
    assert targets <= set(ids)
    assert targets & {"gallery", "data", "repeat"} == {"gallery", "data", "repeat"}


def test_nothing_is_loaded_from_the_network(page: str) -> None:
    for tag, attributes in Elements(page).tags:
        assert tag not in ("link", "iframe", "object", "embed", "base")
        for name in ("src", "href", "xlink:href", "srcset", "action", "data", "poster"):
            value = attributes.get(name)
            assert value is None or value.startswith(("#", "data:image/")), (tag, name, value)
    assert all(url.startswith("#") for url in re.findall(r"url\(['\"]?([^)'\"]+)", page))
    assert "@import" not in page
    assert "http://" not in page
    assert "https://" not in page


def test_policy_forbids_the_network(page: str) -> None:
    policies = [
        attributes["content"] or ""
        for tag, attributes in Elements(page).tags
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert len(policies) == 1
    assert policies[0].startswith("default-src 'none'; img-src data:;")
    rules = dict(rule.strip().split(" ", 1) for rule in policies[0].split(";"))
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digests = [b64encode(sha256(text.encode()).digest()).decode() for text in scripts]
    assert rules["script-src"].split() == [f"'sha256-{digest}'" for digest in digests]
    # Everything that a policy of this kind allows must stand before any script.
    assert page.index("Content-Security-Policy") < page.index("<script")


def test_text_of_the_store_is_escaped_everywhere(tmp_path: Path) -> None:
    image = '"><img src=x onerror=alert(2)>'
    data = Data(
        **vars(HAND)
        | {
            "name": ATTACK,
            "title": ATTACK,
            "landmarks": (ATTACK, image, "c"),
        }
    )
    strategies = [
        type(s)(s.method, f"{ATTACK} $x$ {s.title}", s.backbone, s.error, s.control)
        for s in STRATEGIES[:2]
    ]
    store = build_store(
        tmp_path, datasets=[data], strategies=strategies, shots=[5], seeds=[0], failed=()
    )
    page = HtmlReport().render(store)
    elements = Elements(page)
    assert ATTACK not in page
    assert ATTACK in elements.visible()
    assert sum(tag == "script" for tag, _ in elements.tags) == 1 + len(SCRIPTS)
    assert not any("onerror" in attributes for _, attributes in elements.tags)


def test_numbers_of_the_tables_are_those_of_the_leaderboard(store: Store, page: str) -> None:
    elements = Elements(page)
    shown = elements.values("c-mre"), elements.values("c-p95")
    for table in build_tables(store):
        for row in table.ranked:
            for values, key in zip(shown, ("mre", "p95"), strict=True):
                number = row.number(key)
                assert number is not None
                texts = [text for value, text in values if value == f"{number:.12g}"]
                assert texts
                assert all(text.startswith(f"{number:.2f}") for text in texts)
            interval = row.intervals["mre"]
            assert any(f"[{interval.low:.2f}, {interval.high:.2f}]" in text for _, text in shown[0])


def test_failed_cells_are_listed_with_their_reason(page: str) -> None:
    assert page.count(FAILURE) >= 2
    assert "Traceback ..." in page
    assert "1 of 48 cells failed" in page


def test_one_seed_and_one_number_of_shots_give_a_page_without_spread(tmp_path: Path) -> None:
    store = build_store(
        tmp_path, datasets=[HAND], strategies=STRATEGIES[:3], shots=[50], seeds=[0], failed=()
    )
    page = HtmlReport().render(store)
    assert "±" not in page
    assert 'id="curves"' in page
    assert "One number of labels only" in page
    assert 'id="failures"' not in page


def test_empty_store_gives_one_sentence(tmp_path: Path) -> None:
    text = " ".join(Elements(HtmlReport().render(Store(tmp_path))).visible().split())
    assert EMPTY in text
    assert "Leaderboard" not in text


def test_store_with_failures_alone_has_no_answer_and_keeps_the_reasons(tmp_path: Path) -> None:
    store = build_store(
        tmp_path,
        datasets=[HAND],
        strategies=STRATEGIES[:1],
        shots=[50],
        seeds=[0],
        failed=[(HAND.name, "scratch", 50, 0)],
    )
    page = HtmlReport().render(store)
    assert "no answer yet" in page
    assert FAILURE in page


def test_damaged_files_are_named_and_the_rest_is_shown(tmp_path: Path) -> None:
    store = build_store(
        tmp_path, datasets=[HAND], strategies=STRATEGIES[:2], shots=[50], seeds=[0], failed=()
    )
    ddpm, scratch = (cell.key for cell in store.cells())
    (tmp_path / "cells" / ddpm / "predictions.parquet").write_bytes(b"PAR1 no")
    (tmp_path / "cells" / scratch / "cell.json").write_text("{")
    next(tmp_path.glob("datasets/*/previews/0.png")).write_bytes(b"no image")
    page = HtmlReport().render(store)
    assert f"{ddpm}/predictions.parquet" in page
    assert f"{scratch}/cell.json" in page
    assert "DDPM" in page


def test_each_preview_is_embedded_once_and_the_page_stays_small(page: str) -> None:
    uris = re.findall(r"data:image/[^\"]+", page)
    assert len(uris) == len(set(uris))
    assert len(page) < 5_000_000


def test_pictures_have_alternative_texts(page: str) -> None:
    for tag, attributes in Elements(page).tags:
        if tag == "img":
            assert attributes.get("alt")
        if tag == "svg":
            assert attributes.get("aria-hidden") == "true" or attributes.get("aria-label")


def test_everything_needed_to_repeat_the_run_is_there(page: str) -> None:
    text = Elements(page).visible()
    for needed in ("python -m benchmark run --shots 10,50", "torch==2.13.0", "0" * 40, "Preset"):
        assert needed in text


def test_same_store_gives_the_same_page(tmp_path: Path) -> None:
    store = build_store(
        tmp_path, datasets=[HAND], strategies=STRATEGIES[:2], shots=[50], seeds=[0], failed=()
    )
    assert HtmlReport().render(store) == HtmlReport().render(store)


@pytest.mark.parametrize("modules", [("torch", "scipy", "pandas", "matplotlib", "seaborn", "PIL")])
def test_listing_the_reports_imports_nothing_heavy(
    repository: Path, modules: tuple[str, ...]
) -> None:
    code = (
        "import sys, benchmark.reports.html, benchmark.reports.leaderboard;"
        f"print([name for name in {modules!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_reports_are_made_without_torch(store: Store, repository: Path) -> None:
    code = (
        "import sys\n"
        "class NoTorch:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'torch':\n"
        "            raise ImportError('torch was asked for')\n"
        "sys.meta_path.insert(0, NoTorch())\n"
        "from pathlib import Path\n"
        "from rich.console import Console\n"
        "from benchmark.reports.html import HtmlReport\n"
        "from benchmark.reports.leaderboard import CsvLeaderboard, MarkdownLeaderboard\n"
        "from benchmark.reports.leaderboard import print_leaderboard\n"
        "from benchmark.snapshot import Snapshot\n"
        f"store = Snapshot(Path({str(store.root)!r}))\n"
        "for report in (HtmlReport, CsvLeaderboard, MarkdownLeaderboard):\n"
        "    assert report().render(store)\n"
        "print_leaderboard(store, Console())\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=repository, check=True, capture_output=True)
