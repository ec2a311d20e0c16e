"""The report in a real browser: themes, sizes, paper, access, and nothing from the network."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benchmark.reports.html import HtmlReport
from benchmark.snapshot import Snapshot
from tests.reports.browser import DESK, PAPER, PHONE, Open
from tests.reports.store_builder import build_store
from tests.reports.synthetic_data import DATASETS, STRATEGIES

if TYPE_CHECKING:
    from playwright.sync_api import Page

ATTACK = "<script>alert(1)</script>"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
LIGHT_PAGE, DARK_PAGE, PAPER_PAGE = "rgb(252, 251, 248)", "rgb(19, 22, 25)", "rgb(255, 255, 255)"


def background(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def use_everything(page: Page) -> None:
    """Press and choose one thing of each kind."""
    page.locator("thead .sort").first.click()
    page.locator("#filters select").first.select_option(index=1)
    page.get_by_label("all columns").check()
    page.locator("#gallery-table").select_option(index=1)
    page.locator("#gallery-view").select_option("shared")
    page.locator(".radiograph:visible button").first.click()
    page.keyboard.press("+")
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    page.locator("#theme").click()
    page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true; })")


def test_nothing_is_asked_of_the_network_and_nothing_goes_wrong(open_page: Open, page: str) -> None:
    opened = open_page(page)
    use_everything(opened.page)
    assert opened.requests == [opened.page.url]
    assert opened.complaints == []


def test_the_policy_stops_strange_scripts_and_every_request(open_page: Open, page: str) -> None:
    strange = page.replace("</body>", "<script>document.title = 'taken over'</script></body>")
    opened = open_page(strange.replace("<h1>", '<h1 onclick="document.title = 1">', 1))
    opened.page.locator("h1").click()
    outcome = opened.page.evaluate(
        "fetch('http://localhost:9/').then(() => 'answered', error => 'refused')"
    )
    assert opened.page.title() == "Landmark pretraining report"
    assert outcome == "refused"
    assert any("localhost:9" in text and "connect" in text for text in opened.complaints)
    # The page's own scripts run all the same.
    assert opened.page.locator("#theme").is_visible()


def test_a_hostile_name_is_shown_as_text_and_opens_no_dialog(
    open_page: Open, tmp_path: Path
) -> None:
    landmarks = (ATTACK, '"><img src=x onerror=alert(2)>', "c")
    data = dataclasses.replace(DATASETS[0], name=ATTACK, title=ATTACK, landmarks=landmarks)
    strategies = [dataclasses.replace(s, title=f"{ATTACK} {s.title}") for s in STRATEGIES[:2]]
    store = build_store(
        tmp_path / "runs", datasets=[data], strategies=strategies, shots=[5], seeds=[0], failed=()
    )
    opened = open_page(HtmlReport().render(Snapshot(store.root)))
    shown = opened.page
    assert ATTACK in shown.locator("h1").inner_text()
    assert ATTACK in shown.locator("tbody th").first.inner_text()
    shown.locator(".radiograph:visible button").first.click()
    shown.keyboard.press("Tab")
    assert shown.locator("#zoom-landmark").inner_text().startswith(f"{ATTACK}: ")
    shown.keyboard.press("Tab")
    assert "onerror" in shown.locator("#zoom-landmark").inner_text()
    assert opened.alerts == []
    assert opened.complaints == []
    assert shown.locator("img").count() == shown.locator(".samples img").count()


@pytest.mark.parametrize("system", ["light", "dark"])
def test_the_theme_follows_the_system_and_the_button_turns_it(
    open_page: Open, page: str, system: str
) -> None:
    shown = open_page(page, color_scheme=system).page
    pages = [LIGHT_PAGE, DARK_PAGE] if system == "light" else [DARK_PAGE, LIGHT_PAGE]
    assert background(shown) == pages[0]
    button = shown.locator("#theme")
    label = button.get_attribute("aria-label")
    button.click()
    assert background(shown) == pages[1]
    assert button.get_attribute("aria-label") != label
    shown.reload()
    assert background(shown) == pages[1]
    shown.locator("#theme").click()
    assert background(shown) == pages[0]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_phone_never_scrolls_sideways(open_page: Open, page: str, theme: str) -> None:
    shown = open_page(page, viewport=PHONE, color_scheme=theme).page
    use_everything(shown)
    assert shown.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    # What does not fit scrolls in a region of its own, which the keyboard reaches.
    wide = shown.evaluate(
        "Array.from(document.querySelectorAll('table, .plot svg')).filter("
        "part => part.getBoundingClientRect().width > innerWidth)"
        ".map(part => part.closest('.scroll').tabIndex)"
    )
    assert wide
    assert set(wide) == {0}


@pytest.mark.parametrize(
    "options",
    [
        {"color_scheme": "light"},
        {"color_scheme": "dark"},
        {"color_scheme": "light", "viewport": PHONE},
        {"color_scheme": "dark", "viewport": PHONE},
    ],
    ids=["light", "dark", "phone", "dark phone"],
)
def test_the_page_breaks_no_rule_of_accessibility(
    open_page: Open, page: str, options: dict[str, Any]
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    shown = open_page(page, **options).page
    shown.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true; })")
    run = {"runOnly": {"type": "tag", "values": RULES}, "resultTypes": ["violations"]}
    for state in ("page", "zoom"):
        if state == "zoom":
            shown.locator(".radiograph:visible button").first.click()
            shown.get_by_label("all names").check()
        results = axe.Axe().run(shown, options=run)
        assert results.violations_count == 0, results.generate_report()


def test_everything_is_reached_by_keyboard_and_shows_where_it_is(
    open_page: Open, page: str
) -> None:
    shown = open_page(page).page
    shown.keyboard.press("Tab")
    skip = shown.locator(".skip")
    assert skip.bounding_box()["x"] >= 0  # type: ignore[index]
    shown.keyboard.press("Enter")
    assert shown.evaluate("document.activeElement.id") == "main"
    reached = set()
    for _ in range(400):
        shown.keyboard.press("Tab")
        seen = shown.evaluate(
            "() => { const part = document.activeElement, style = getComputedStyle(part);"
            " const visible = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;"
            " return [part.tagName, part.id || part.className, visible]; }"
        )
        if seen[0] == "BODY":
            break
        assert seen[2], seen
        reached.add(seen[1])
    else:
        pytest.fail("the Tab key never leaves the page")
    needed = {"sort", "filter-dataset", "gallery-table", "gallery-panel", "gallery-view", "scroll"}
    assert needed <= reached


def test_paper_is_white_and_complete_whatever_the_screen_shows(open_page: Open, page: str) -> None:
    shown = open_page(page, viewport=PAPER, color_scheme="dark").page
    shown.locator("#theme").click()
    shown.locator("#theme").click()
    assert background(shown) == DARK_PAGE
    shown.locator(".radiograph:visible button").first.click()
    shown.emulate_media(media="print")
    assert background(shown) == PAPER_PAGE
    assert shown.locator("button:visible:not(thead button):not(figure button)").count() == 0
    assert shown.locator("form:visible, header:visible, dialog:visible").count() == 0
    tables = shown.locator("table")
    assert tables.count() == shown.locator("table:visible").count() > 4
    columns = shown.locator("table.leaderboard th, table.leaderboard td")
    assert (
        columns.count()
        == shown.locator("table.leaderboard th:visible, table.leaderboard td:visible").count()
    )
    for table in tables.all():
        box = table.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= PAPER["width"]


def test_what_is_folded_is_open_on_paper_and_folded_again_afterwards(
    open_page: Open, page: str
) -> None:
    shown = open_page(page, viewport=DESK).page
    folded = shown.locator("details:not([open])")
    before = folded.count()
    assert before > 0
    shown.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert folded.count() == 0
    shown.evaluate("dispatchEvent(new Event('afterprint'))")
    assert folded.count() == before


def test_nothing_moves_for_those_who_asked_for_that(open_page: Open, page: str) -> None:
    behaviour = "getComputedStyle(document.documentElement).scrollBehavior"
    assert open_page(page).page.evaluate(behaviour) == "smooth"
    assert open_page(page, reduced_motion="reduce").page.evaluate(behaviour) == "auto"


def test_an_interrupted_run_says_so_before_anything_is_scrolled(
    open_page: Open, tmp_path: Path
) -> None:
    store = build_store(
        tmp_path / "runs",
        datasets=DATASETS[:1],
        strategies=STRATEGIES[:2],
        shots=[50],
        seeds=[0, 1],
        failed=(),
    )
    lost = next(cell for cell in store.cells() if cell.labels.seed == 1)
    for file in (store.root / "cells" / lost.key).iterdir():
        file.unlink()
    shown = open_page(HtmlReport().render(Snapshot(store.root))).page
    box = shown.locator(".progress").bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= DESK["height"]
    text = shown.locator(".progress").inner_text()
    assert "3 of 4 cells finished, 1 not computed yet." in text
    assert re.search(rf"50 labelled images: {lost.labels.title} on unet, seed 1", text)
