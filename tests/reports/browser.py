"""Opens pages of the report in a real Chromium and notes what they ask for and complain of."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# A container often has neither the rights for the sandbox nor a large /dev/shm.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]

DESK = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
# An A4 page on its side, less the margins, at 96 px an inch.
PAPER = {"width": 1032, "height": 700}


@dataclass
class Opened:
    """A page of the report in a browser.

    Attributes:
        page: The page.
        requests: The addresses of everything that it asked for, pictures within it left out.
        complaints: Errors and warnings of the console, and errors of scripts.
        alerts: The texts of the dialogs that scripts opened.
    """

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    alerts: list[str] = field(default_factory=list)

    def listen(self) -> None:
        """Note everything from now on."""
        self.page.on(
            "request",
            lambda r: None if r.url.startswith("data:") else self.requests.append(r.url),
        )
        self.page.on(
            "console",
            lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None,
        )
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", self._dismiss)

    def _dismiss(self, dialog: Any) -> None:
        self.alerts.append(dialog.message)
        dialog.dismiss()


Open = Callable[..., Opened]
"""Opens a page's text, or the file of one, with options of a browser context."""


# Not for the whole session: Playwright leaves an event loop running in this thread, which other
# tests must not find there.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of a file; the tests are skipped where there is none."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install -e '.[test]'"
    )
    executable = next(filter(None, map(shutil.which, NAMES)), None)
    if executable is None:
        pytest.skip(f"no Chromium is installed (none of {', '.join(NAMES)} is on the PATH)")
    with playwright.sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Opens pages, each in a context of its own, and closes them after the test."""
    contexts: list[BrowserContext] = []

    def open_page(text: str, **options: Any) -> Opened:
        file = tmp_path / f"report-{len(contexts)}.html"
        file.write_text(text, encoding="utf-8")
        context = browser.new_context(**{"viewport": DESK, **options})
        contexts.append(context)
        opened = Opened(context.new_page())
        opened.listen()
        opened.page.goto(file.as_uri())
        return opened

    yield open_page
    for context in contexts:
        context.close()
