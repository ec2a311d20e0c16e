"""Turns any text into LaTeX that prints it: nothing in it is a command, a comment or an option."""

from __future__ import annotations

import re
import unicodedata

_SIGNS = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    # After the end of a row LaTeX takes these two for an option of the line break.
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
    # No ligatures: two hyphens stay two.
    "-": "-{}",
    # Not among the letters that pdfLaTeX knows.
    "−": "$-$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "→": r"$\to$",
    "↓": r"$\downarrow$",
    "↑": r"$\uparrow$",
    "∞": r"$\infty$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "²": r"\textsuperscript{2}",
    "–": "--",
    "—": "---",
}


def escape_latex(text: str) -> str:
    """Text that LaTeX prints as it is, on one line; control characters are dropped.

    Letters outside Latin scripts stay and need XeLaTeX or LuaLaTeX.
    """
    text = "".join(sign for sign in " ".join(text.split()) if _is_printed(sign))
    # A hyphen before a letter or a digit is no ligature and stays readable in the source.
    text = re.sub(r"-(?!-)", "\0", text)
    return "".join(_SIGNS.get(sign, sign) for sign in text).replace("\0", "-")


def _is_printed(sign: str) -> bool:
    return unicodedata.category(sign) not in ("Cc", "Cf", "Cs", "Co", "Cn")
