"""The block of YAML at the head of a card, as the Hugging Face hub reads it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

Yaml: TypeAlias = "str | int | float | bool | Sequence[Yaml] | Mapping[str, Yaml]"
"""What a front matter may hold; keys are plain words of ours, texts may be anybody's."""


def front_matter(fields: Mapping[str, Yaml]) -> str:
    """The fields between two lines of three hyphens; those that are empty are left out.

    Args:
        fields: By key. Numbers must be finite, because the hub shows them as they are.
    """
    return "\n".join(["---", *_mapping(fields), "---"])


def _mapping(fields: Mapping[str, Yaml]) -> Iterator[str]:
    for key, value in fields.items():
        if isinstance(value, Mapping | list | tuple):
            if value:
                yield f"{key}:"
                yield from (f"  {line}" for line in _block(value))
        elif value != "":
            yield f"{key}: {_scalar(value)}"


def _block(value: Mapping[str, Yaml] | Sequence[Yaml]) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from _mapping(value)
        return
    for item in value:
        lines = _block(item) if isinstance(item, Mapping | list | tuple) else iter([_scalar(item)])
        yield f"- {next(lines)}"
        yield from (f"  {line}" for line in lines)


def _scalar(value: Yaml) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, int | float) and math.isfinite(value):
        # A number of numpy has another repr. YAML 1.1 takes 1e-05 for text, 1.0e-05 for a number.
        text = repr(value if isinstance(value, int) else float(value))
        return text.replace("e", ".0e") if "e" in text and "." not in text else text
    raise TypeError(f"{value!r} has no place in a front matter")


def quoted(text: str) -> str:
    """A double-quoted scalar of YAML 1.1, in which nothing is markup and no line ends."""
    return '"' + "".join(_sign(sign) for sign in text) + '"'


def _sign(sign: str) -> str:
    if sign in '"\\':
        return f"\\{sign}"
    if sign.isprintable():
        return sign
    code = ord(sign)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
