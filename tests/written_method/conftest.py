"""Keeps the written example out of the registries that the other tests of this process use."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import pytest

import benchmark.registry


@pytest.fixture(scope="module", autouse=True)
def registries_of_our_own() -> Iterator[None]:
    """New registries for the module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(benchmark.registry, "_shared", functools.cache(benchmark.registry.Registry))
        yield
