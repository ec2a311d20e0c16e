"""Values as TOML text, for the small files that commands write."""

from __future__ import annotations

import json


def toml_value(value: object) -> str:
    """A text, number, truth value or list as TOML."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml_value, value))}]"
    # JSON's texts are TOML's, but for the one control character that JSON leaves as it is.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def one_line(text: str) -> str:
    """A text as a comment can hold it."""
    return "".join(sign if sign.isprintable() else " " for sign in text)
