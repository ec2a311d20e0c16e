"""Sorting and filtering the leaderboard, in a real browser."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmark.reports.html import HtmlReport
from benchmark.snapshot import Snapshot
from tests.reports.browser import Open
from tests.reports.store_builder import build_store
from tests.reports.synthetic_data import DATASETS, Strategy

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

# Errors of one and of two digits, so that an order by text is another than that by number.
STRATEGIES = (
    Strategy("scratch", "From scratch", "unet", 14.0, control=True),
    Strategy("ddpm", "DDPM", "unet", 3.0),
    Strategy("simclr", "simCLR", "unet", 5.5),
    Strategy("moco", "MoCo", "unet", 20.0),
    Strategy("byol", "BYOL", "unet", 8.0),
)
BY_ERROR = ["DDPM", "simCLR", "BYOL", "From scratch"]
BY_NAME = ["BYOL", "DDPM", "From scratch", "MoCo", "simCLR"]


@pytest.fixture(scope="module")
def table_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One table of five methods, one of which has failed."""
    root = tmp_path_factory.mktemp("tables")
    data = DATASETS[0]
    build_store(
        root,
        datasets=[data],
        strategies=STRATEGIES,
        shots=[50],
        seeds=[0],
        failed=[(data.name, "moco", 50, 0)],
    )
    return HtmlReport().render(Snapshot(root))


def heading(page: Page, title: str, table: int = 0) -> Locator:
    """The heading of a column by its title."""
    headings = page.locator("table.leaderboard").nth(table).locator("thead th")
    return headings.filter(has=page.locator(".title", has_text=re.compile(f"^{title}$")))


def methods(page: Page, table: int = 0) -> list[str]:
    """The methods of a table's rows that are seen, from top to bottom."""
    rows = page.locator("table.leaderboard").nth(table).locator("tbody th:visible")
    return [text.split("\n")[0].strip() for text in rows.all_inner_texts()]


def press(page: Page, title: str, times: int = 1) -> None:
    for _ in range(times):
        heading(page, title).get_by_role("button").click()


def test_error_sorts_as_a_number_both_ways_with_failed_rows_last(
    open_page: Open, table_page: str
) -> None:
    page = open_page(table_page).page
    assert methods(page) == [*BY_ERROR, "MoCo"]
    assert heading(page, "MRE").get_attribute("aria-sort") == "ascending"
    press(page, "MRE")
    assert methods(page) == [*BY_ERROR[::-1], "MoCo"]
    assert heading(page, "MRE").get_attribute("aria-sort") == "descending"
    press(page, "MRE")
    assert methods(page) == [*BY_ERROR, "MoCo"]


def test_methods_sort_by_name_both_ways_without_regard_to_case(
    open_page: Open, table_page: str
) -> None:
    page = open_page(table_page).page
    press(page, "Method")
    assert methods(page) == BY_NAME
    assert heading(page, "MRE").get_attribute("aria-sort") is None
    press(page, "Method")
    assert methods(page) == BY_NAME[::-1]
    assert heading(page, "Method").get_attribute("aria-sort") == "descending"
    status = page.locator("#board-status").inner_text()
    assert "sorted by Method, descending" in status


def test_higher_is_better_columns_begin_with_the_best(open_page: Open, table_page: str) -> None:
    page = open_page(table_page).page
    press(page, "SDR 10")
    assert heading(page, "SDR 10").get_attribute("aria-sort") == "descending"
    assert methods(page)[0] == "DDPM"


def test_equal_rows_stay_in_the_order_they_are_in(open_page: Open, table_page: str) -> None:
    page = open_page(table_page).page
    page.get_by_label("all columns").check()
    press(page, "Method", times=2)
    # All finished rows have the same number of weights; the failed row has none.
    finished = [name for name in BY_NAME[::-1] if name != "MoCo"]
    for _ in range(2):
        press(page, "Parameters")
        assert methods(page) == [*finished, "MoCo"]


def test_every_column_sorts_by_keyboard_and_reference_lines_stay_below(
    open_page: Open, page: str
) -> None:
    shown = open_page(page).page
    shown.get_by_label("all columns").check()
    table = shown.locator("table.leaderboard").first
    below = table.locator("tfoot").inner_text()
    headings = table.locator("thead th")
    assert headings.count() > 12
    for column in range(headings.count()):
        cell = headings.nth(column)
        for _ in range(2):
            cell.get_by_role("button").press("Enter")
            direction = cell.get_attribute("aria-sort")
            values = table.locator("tbody tr").evaluate_all(
                "(rows, column) => rows.map(row => row.cells[column].dataset.value)", column
            )
            known = [value for value in values if value]
            assert values == known + [""] * (len(values) - len(known))
            numeric = cell.get_attribute("data-type") == "number"
            keys = [float(value) if numeric else value for value in known]
            assert keys == sorted(keys, reverse=direction == "descending")
    assert table.locator("tfoot").inner_text() == below
    assert shown.locator("table.leaderboard thead [aria-sort]").count() == 4


def test_without_scripts_the_tables_are_as_written_and_nothing_is_dead(
    open_page: Open, page: str
) -> None:
    shown = open_page(page, java_script_enabled=False).page
    assert shown.locator("button:visible, form:visible, dialog:visible").count() == 0
    assert shown.locator("table.leaderboard:visible").count() == 4
    assert shown.locator(".c-p95:visible").count() > 0
    assert shown.locator(".panel:visible").count() == shown.locator(".panel").count() > 1


def test_filters_leave_out_tables_and_rows_and_say_so(open_page: Open, page: str) -> None:
    shown = open_page(page).page
    filters = shown.locator("#filters")
    tables = shown.locator("table.leaderboard:visible")
    rows = shown.locator("table.leaderboard tbody tr:visible")
    assert (tables.count(), rows.count()) == (4, 24)
    filters.get_by_label("Dataset").select_option(label="Hand phantom")
    assert tables.count() == 2
    assert shown.locator(".dataset:visible h3").all_inner_texts() == ["Hand phantom synthetic"]
    filters.get_by_label("Labels").select_option("10")
    (caption,) = tables.locator("caption").all_inner_texts()
    assert caption.startswith("10 labelled images")
    filters.get_by_label("Backbone").select_option("unet")
    assert rows.count() == 3
    assert shown.locator("#board-status").inner_text() == "Showing 3 of 24 rows, in 1 table."
    assert shown.locator("#board-status").get_attribute("aria-live") == "polite"
    filters.get_by_role("button", name="Show all rows").click()
    # A form empties its fields only after the event that says so.
    shown.locator("#board-status:empty").wait_for(state="attached")
    assert (tables.count(), rows.count()) == (4, 24)


def test_methods_are_found_by_part_of_their_name(open_page: Open, table_page: str) -> None:
    page = open_page(table_page).page
    field = page.locator("#filters").get_by_label("Method")
    field.fill("CL")
    assert methods(page) == ["simCLR"]
    field.fill("no such method")
    assert page.locator("table.leaderboard:visible").count() == 0
    assert "No row matches" in page.locator("#board-status").inner_text()


def test_a_filtered_table_still_sorts(open_page: Open, page: str) -> None:
    shown = open_page(page).page
    shown.locator("#filters").get_by_label("Backbone").select_option("unet")
    before = methods(shown)
    press(shown, "MRE")
    assert len(before) == 3
    assert methods(shown) == before[::-1]


def test_choices_that_are_none_are_not_offered(open_page: Open, tmp_path: Path) -> None:
    root = tmp_path / "one"
    build_store(
        root, datasets=DATASETS[:1], strategies=STRATEGIES[:2], shots=[50], seeds=[0], failed=()
    )
    page = open_page(HtmlReport().render(Snapshot(root))).page
    assert page.locator("#filters select, #filters input[type=search]").count() == 0
