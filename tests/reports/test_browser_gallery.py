"""The gallery and its large view, in a real browser."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.reports.browser import PHONE, Open

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page


def shown_panel(page: Page) -> Locator:
    return page.locator(".panel:visible")


def drawn_width(page: Page) -> float:
    """The width in px of the picture of what the large view shows."""
    return float((page.locator("#zoom-drawing").get_attribute("viewBox") or "").split()[2])


def middle(page: Page) -> tuple[float, float]:
    """The centre of what the large view shows, in px of the picture."""
    box = (page.locator("#zoom-drawing").get_attribute("viewBox") or "").split()
    x, y, width, height = map(float, box)
    return x + width / 2, y + height / 2


def open_zoom(page: Page) -> None:
    shown_panel(page).locator(".radiograph:visible button").first.click()
    assert page.locator("#zoom").is_visible()


def test_one_panel_is_shown_and_the_choices_change_it(open_page: Open, page: str) -> None:
    shown = open_page(page).page
    panel = shown_panel(shown)
    assert panel.count() == 1
    controls = shown.locator("#gallery-controls")
    controls.get_by_label("Method").select_option(label="SimCLR on unet, seed 0")
    assert panel.locator("h3").inner_text().startswith("SimCLR on unet")
    controls.get_by_label("Data").select_option(label="Hand phantom, 50 labelled images")
    # The method stays, the data change.
    title = panel.locator("h3").inner_text()
    assert title == "SimCLR on unet, seed 0 Hand phantom, 50 labelled images"
    assert "SimCLR on unet, seed 0; Hand phantom" in shown.locator("#gallery-status").inner_text()


def test_the_same_images_are_shown_for_all_methods_on_request(open_page: Open, page: str) -> None:
    shown = open_page(page).page
    controls = shown.locator("#gallery-controls")
    methods = controls.get_by_label("Method")
    names = methods.locator("option").all_inner_texts()
    assert len(names) > 1

    def images() -> set[tuple[str, ...]]:
        found = set()
        for name in names:
            methods.select_option(label=name)
            texts = shown_panel(shown).locator(".what:visible").all_inner_texts()
            assert len(texts) == 3
            found.add(tuple(text.partition(":")[0] for text in texts))
        return found

    assert len(images()) > 1
    controls.get_by_label("Images").select_option("shared")
    assert len(images()) == 1


@pytest.mark.parametrize("mark", ["truth", "prediction", "distance"])
def test_marks_are_hidden_and_shown_again_everywhere(open_page: Open, page: str, mark: str) -> None:
    shown = open_page(page).page
    # What the three checkboxes hide has no size of its own where it is not drawn.
    path = shown_panel(shown).locator(f".radiograph:visible .marks .{mark}").first
    box = shown.locator("#gallery-controls").get_by_label(mark)
    assert path.is_visible()
    box.uncheck()
    assert not path.is_visible()
    open_zoom(shown)
    large = shown.locator(f"#zoom-drawing .{mark}").first
    assert not large.is_visible()
    shown.locator("#zoom").get_by_label(mark).check()
    assert large.is_visible()
    shown.keyboard.press("Escape")
    assert path.is_visible()
    assert box.is_checked()


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_the_large_view_opens_by_key_and_closes_by_escape_where_it_was_opened(
    open_page: Open, page: str, key: str
) -> None:
    shown = open_page(page).page
    button = shown_panel(shown).locator(".radiograph:visible button").nth(1)
    button.press(key)
    assert shown.locator("#zoom").is_visible()
    caption = shown_panel(shown).locator(".what:visible").nth(1).inner_text()
    assert shown.locator("#zoom-caption").inner_text() == caption
    assert shown.locator("#zoom-title").inner_text().startswith("Median: ")
    shown.keyboard.press("Escape")
    assert not shown.locator("#zoom").is_visible()
    assert button.evaluate("button => button === document.activeElement")


def test_keys_and_buttons_change_size_and_place(open_page: Open, page: str) -> None:
    shown = open_page(page).page
    open_zoom(shown)
    whole, centre = drawn_width(shown), middle(shown)
    shown.keyboard.press("+")
    assert drawn_width(shown) == pytest.approx(whole / 1.5)
    assert shown.locator("#zoom-scale").inner_text() == "150 %"
    assert middle(shown) == pytest.approx(centre)
    shown.keyboard.press("ArrowRight")
    assert middle(shown)[0] > centre[0]
    shown.keyboard.press("ArrowUp")
    assert middle(shown)[1] < centre[1]
    for _ in range(30):
        shown.keyboard.press("ArrowRight")
    # However far it is moved, the picture stays in view.
    picture = shown.locator("#zoom-drawing use").evaluate("use => use.getBBox().width")
    assert middle(shown)[0] + whole / 3 <= picture
    shown.get_by_role("button", name="Fit").click()
    assert drawn_width(shown) == whole
    assert middle(shown) == pytest.approx(centre)
    shown.get_by_role("button", name="Smaller").click()
    assert drawn_width(shown) == whole


def test_the_wheel_and_dragging_work(open_page: Open, page: str) -> None:
    shown = open_page(page).page
    open_zoom(shown)
    view = shown.locator("#zoom-view")
    box = view.bounding_box()
    assert box is not None
    x, y = box["x"] + 20, box["y"] + 20
    whole, centre = drawn_width(shown), middle(shown)
    shown.mouse.move(x, y)
    shown.mouse.wheel(0, -100)
    shown.locator("#zoom-scale", has_text="150 %").wait_for()
    assert drawn_width(shown) < whole
    shown.mouse.down()
    shown.mouse.move(x + 60, y + 40, steps=4)
    shown.mouse.up()
    # The picture follows the hand, so that what lies to its left and above comes into view.
    assert middle(shown)[0] < centre[0]
    assert middle(shown)[1] < centre[1]
    held = middle(shown)
    shown.mouse.move(x, y)
    assert middle(shown) == held


def test_next_and_previous_go_through_the_radiographs(open_page: Open, page: str) -> None:
    shown = open_page(page).page
    open_zoom(shown)
    title = shown.locator("#zoom-title")
    following = shown.get_by_role("button", name="Next")
    assert title.inner_text().startswith("Best")
    assert shown.get_by_role("button", name="Previous").is_disabled()
    following.click()
    assert title.inner_text().startswith("Median")
    shown.keyboard.press("PageDown")
    assert title.inner_text().startswith("Worst")
    assert following.is_disabled()
    shown.keyboard.press("Escape")
    last = shown_panel(shown).locator(".radiograph:visible button").last
    assert last.evaluate("button => button === document.activeElement")


def test_landmarks_are_named_on_focus_on_hover_and_all_at_once(open_page: Open, page: str) -> None:
    shown = open_page(page).page
    open_zoom(shown)
    panel = shown_panel(shown)
    names = json.loads(panel.get_attribute("data-landmarks") or "")
    points = json.loads(panel.locator(".radiograph").first.get_attribute("data-points") or "")
    said = [f"{name}: {point[4]} mm" for name, point in zip(names, points, strict=True)]
    labels = shown.locator("#zoom-drawing text")
    words = shown.locator("#zoom-landmark")
    assert labels.count() == len(names) == 6
    assert not labels.first.is_visible()
    shown.keyboard.press("Tab")
    assert words.inner_text() == said[0]
    assert labels.nth(0).is_visible()
    assert not labels.nth(1).is_visible()
    shown.locator("#zoom-drawing .mark").nth(2).locator(".reach").last.hover()
    assert words.inner_text() == said[2]
    assert labels.nth(2).is_visible()
    shown.locator("#zoom").get_by_label("all names").check()
    assert [labels.nth(n).is_visible() for n in range(6)] == [True] * 6
    assert labels.all_text_contents() == said


def test_the_tab_key_brings_a_landmark_into_view(open_page: Open, page: str) -> None:
    shown = open_page(page).page
    open_zoom(shown)
    for _ in range(5):
        shown.keyboard.press("+")
    view = shown.locator("#zoom-view").bounding_box()
    assert view is not None
    for number in range(6):
        shown.keyboard.press("Tab")
        halo = shown.locator("#zoom-drawing .mark").nth(number).locator(".halo").bounding_box()
        assert halo is not None
        x, y = halo["x"] + halo["width"] / 2, halo["y"] + halo["height"] / 2
        assert view["x"] < x < view["x"] + view["width"]
        assert view["y"] < y < view["y"] + view["height"]


def test_the_large_view_fits_a_phone(open_page: Open, page: str) -> None:
    shown = open_page(page, viewport=PHONE).page
    open_zoom(shown)
    box = shown.locator("#zoom").bounding_box()
    assert box is not None
    assert box["width"] <= PHONE["width"]
    for button in shown.locator("#zoom button").all():
        place = button.bounding_box()
        assert place is not None
        assert place["x"] >= 0
        assert place["x"] + place["width"] <= PHONE["width"]
    assert shown.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
