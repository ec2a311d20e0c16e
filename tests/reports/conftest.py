"""A synthetic store and its page, made once for all tests of the reports."""

from __future__ import annotations

import pytest

from benchmark.reports.html import HtmlReport
from benchmark.snapshot import Snapshot
from benchmark.store import Store
from tests.reports.browser import browser, open_page
from tests.reports.store_builder import build_store

# pytest finds fixtures by the names in this module.
__all__ = ["browser", "open_page", "page", "store"]


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Two datasets, six strategies on two backbones, two shots, two seeds, one failed cell."""
    # As reports read it: each part once.
    return Snapshot(build_store(tmp_path_factory.mktemp("reports") / "runs").root)


@pytest.fixture(scope="session")
def page(store: Store) -> str:
    """The HTML report of that store."""
    return HtmlReport().render(store)
