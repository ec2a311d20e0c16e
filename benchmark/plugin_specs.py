"""The way a plugin is written on the command line: ``name[option=value,option2=value]``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from pydantic import ValidationError

from benchmark.errors import UsageError
from benchmark.suggestions import did_you_mean

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

    from benchmark.plugins import PluginOptions

_LONGEST_VALUE = 200
"""Of longer values a message shows the beginning."""

_OPEN, _CLOSE = "[{(", "]})"


@dataclass(frozen=True)
class PluginSpec:
    """A plugin as the user asked for it.

    Attributes:
        name: The plugin's name, or a pattern with ``*`` and ``?``.
        options: Pairs of an option's name and its value as written, in order.
    """

    name: str
    options: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        """As it would be written on the command line."""
        inner = ",".join(f"{option}={value}" for option, value in self.options)
        return f"{self.name}[{inner}]" if inner else self.name

    @property
    def is_pattern(self) -> bool:
        """Whether it stands for all plugins that match, rather than for one by its name."""
        return self.name == "all" or any(sign in self.name for sign in "*?")


def split_outside_brackets(text: str) -> list[str]:
    """Split at the commas that stand outside all brackets and quoted values.

    Args:
        text: A comma list; a quote counts where a value begins: ``note='one, two'``.

    Returns:
        The parts that are not empty, without the spaces around them.

    Raises:
        UsageError: A bracket or a quote has no partner.
    """
    parts, depth, quote, current = [], 0, "", ""
    for sign in text:
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"" and current.endswith("="):
            quote = sign
        else:
            depth += (sign in _OPEN) - (sign in _CLOSE)
        if depth < 0:
            break
        if sign == "," and depth == 0 and not quote:
            parts.append(current.strip())
            current = ""
        else:
            current += sign
    if depth != 0 or quote:
        what = "quote" if quote else "bracket"
        raise UsageError(f"a {what} in {text!r} has no partner; write name[option=value]")
    return [part for part in [*parts, current.strip()] if part]


def parse_spec(text: str) -> PluginSpec:
    """Read one ``name[option=value,...]``.

    Raises:
        UsageError: It is not of that form, or gives an option twice.
    """
    name, bracket, rest = text.strip().partition("[")
    inside = rest.rstrip()
    if not name.strip() or (bracket and not inside.endswith("]")) or "]" in name:
        raise UsageError(f"{text!r} is not of the form name or name[option=value,option=value]")
    options: dict[str, str] = {}
    for part in split_outside_brackets(inside[:-1]):
        option, sign, value = (piece.strip() for piece in part.partition("="))
        if not sign or not option:
            raise UsageError(f"{part!r} in {text!r} is not of the form option=value")
        if option in options:
            raise UsageError(f"{text!r} gives the option {option!r} twice")
        options[option] = value
    return PluginSpec(name.strip(), tuple(options.items()))


def parse_specs(texts: str | Iterable[str]) -> list[PluginSpec]:
    """Read comma lists of ``name[option=value,...]``.

    Raises:
        UsageError: A part is not of that form.
    """
    lists = [texts] if isinstance(texts, str) else list(texts)
    return [parse_spec(part) for text in lists for part in split_outside_brackets(text)]


def missing_options(model: type[PluginOptions], given: Iterable[str]) -> list[str]:
    """The options without a default that are not among those given."""
    required = [name for name, field in model.model_fields.items() if field.is_required()]
    return [name for name in required if name not in set(given)]


def validate_options(
    model: type[PluginOptions], values: Mapping[str, Any], owner: str, name: str = ""
) -> PluginOptions:
    """Turn options into the plugin's own model.

    Args:
        model: The plugin's ``Options``.
        values: By option; text, as the command line gives it, is converted to the field's type:
            ``[32,64]`` to a list, ``none`` to None where the field may be None.
        owner: What has the options, for the message: ``method 'simclr'``.
        name: The plugin's name, for the message about an option that must be given.

    Raises:
        UsageError: An option is unknown or its value will not do; one sentence names it, what is
            allowed, and what may have been meant.
    """
    fields = model.model_fields
    for option in values:
        if option not in fields:
            raise UsageError(_unknown_option(option, fields, owner))
    if missing := missing_options(model, values):
        written = ",".join(f"{option}=..." for option in missing)
        raise UsageError(
            f"{owner} needs {' and '.join(missing)}: write {name}[{written}]; `info {name}` tells "
            "what to give"
        )
    read = {option: _value(written, fields[option]) for option, written in values.items()}
    try:
        return model.model_validate(read)
    except ValidationError as error:
        problems = [_problem(detail, values) for detail in error.errors()]
        raise UsageError(f"{owner}: {'; '.join(problems)}") from error


def _unknown_option(option: str, fields: Iterable[str], owner: str) -> str:
    names = list(fields)
    if not names:
        return f"{owner} takes no options, so {option!r:.100} must go"
    hint = did_you_mean(option, names)
    return f"{owner} has no option {option!r:.100}{hint}; its options are {', '.join(names)}"


def _value(written: Any, field: FieldInfo) -> Any:
    """The value behind a text, as far as pydantic does not see to it itself."""
    if not isinstance(written, str):
        return written
    if len(written) >= 2 and written[0] == written[-1] and written[0] in "'\"":
        return written[1:-1]
    allowed = get_args(field.annotation)
    if written.lower() in ("none", "null") and type(None) in allowed:
        return None
    if get_origin(field.annotation) is Literal:
        return next((choice for choice in allowed if str(choice) == written), written)
    if written and written[0] in _OPEN and written[-1] in _CLOSE:
        try:
            return json.loads(f"[{written[1:-1]}]" if written[0] == "(" else written)
        except (json.JSONDecodeError, RecursionError):
            return written
    return written


def _problem(detail: ErrorDetails, values: Mapping[str, Any]) -> str:
    """What pydantic found wrong with one option, as part of a sentence."""
    option = str(detail["loc"][0]) if detail["loc"] else ""
    message = detail["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    message = message[:1].lower() + message[1:]
    message = message.replace("input should be", "it must be").replace("input should", "it must")
    if not option:
        return message
    if detail["type"] == "path_not_file":
        message = "there is no such file"
    if detail["type"] == "literal_error":
        allowed = re.findall("'([^']*)'", detail["ctx"]["expected"])
        message += did_you_mean(str(values.get(option)), allowed)
    return f"{option}={_excerpt(values.get(option, detail['input']))} will not do, {message}"


def _excerpt(value: object) -> str:
    """A value as a sentence can show it."""
    text = "".join(sign if sign.isprintable() else " " for sign in str(value)[:_LONGEST_VALUE])
    return text if len(str(value)) <= _LONGEST_VALUE else f"{text}..."
