"""The page's own scripts and styles, put into it whole, and the policy that allows nothing else."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markupsafe import Markup

TEMPLATES = Path(__file__).with_name("templates")

FIRST_SCRIPT = "theme.js"
"""Runs before the page is drawn."""
SCRIPTS = ("page.js", "leaderboard.js", "gallery.js", "zoom.js")
"""Run when the page is there, in this order."""
STYLES = ("page.css", "leaderboard.css", "gallery.css", "narrow.css", "print.css")
"""In this order: later ones overrule earlier ones."""


def inline(name: str) -> Markup:
    """A style sheet as it is."""
    from markupsafe import Markup

    # Nothing from a store goes through here.
    return Markup(_text(name))  # noqa: S704


def script(name: str) -> Markup:
    """A script in its element."""
    from markupsafe import Markup

    return Markup(f"<script>{_text(name)}</script>")  # noqa: S704


def policy() -> str:
    """The Content-Security-Policy: no network, no script but those that the page was written with.

    A script is allowed by its digest, so none that came in through a name in the store runs.
    Styles are allowed wherever they stand: matplotlib writes them as attributes, which have none.
    """
    digests = " ".join(f"'sha256-{_digest(name)}'" for name in (FIRST_SCRIPT, *SCRIPTS))
    return (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src {digests}; base-uri 'none'; form-action 'none'"
    )


def _digest(name: str) -> str:
    return base64.b64encode(hashlib.sha256(_text(name).encode("utf-8")).digest()).decode("ascii")


def _text(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")
