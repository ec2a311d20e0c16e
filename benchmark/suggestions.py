"""What the user may have meant: the end of every message about an unknown name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A question in brackets with the nearest known names, to be put behind the unknown one.

    Args:
        name: What was written.
        known: What could have been written.

    Returns:
        `` (did you mean 'simclr'?)`` with a leading space, or an empty string where no name is
        near.
    """
    spelt = {candidate.lower(): candidate for candidate in known}
    near = [spelt[key] for key in difflib.get_close_matches(name.lower(), spelt, n=2, cutoff=0.6)]
    return f" (did you mean {' or '.join(map(repr, near))}?)" if near else ""
