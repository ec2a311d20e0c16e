"""How a check ends: it passes, it fails with a sentence, or it does not apply."""

from __future__ import annotations

import unittest


class DoesNotApply(unittest.SkipTest):
    """The check says nothing about this plugin; the text says why.

    It derives from the standard library's skip, which pytest and unittest both report as one, so
    that the suite needs neither.
    """


def require(condition: bool, sentence: str) -> None:
    """Fail a check.

    Args:
        condition: What must hold.
        sentence: What is wrong and how to mend it.

    Raises:
        AssertionError: It does not hold; unlike an ``assert`` also under ``python -O``.
    """
    if not condition:
        raise AssertionError(sentence)
