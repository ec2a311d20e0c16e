"""From flags, a TOML file and ``--set`` to the settings of a run, in that order of weight."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmark.config import (
    OWN_PROTOCOL,
    RunConfig,
    load_preset,
    load_protocol,
    merge,
    parse_setting,
    read_toml,
    validated,
)
from benchmark.errors import UsageError
from benchmark.plugin_specs import split_outside_brackets
from benchmark.transfer import Transfer


def run_config(
    flags: Mapping[str, Any], file: Path | None = None, settings: Sequence[str] = ()
) -> RunConfig:
    """Lay the preset, the file, the flags and ``--set`` over one another.

    Args:
        flags: What was given on the command line; comma lists are still text.
        file: A TOML file with the fields of :class:`RunConfig`.
        settings: ``path.to.option=value`` for fields of :class:`RunConfig`.

    Raises:
        UsageError: A name is unknown or a value will not do; one sentence says which.
    """
    from_file = read_toml(file) if file is not None else {}
    if file is not None:
        from_file = _parsed(from_file)
    values = merge(from_file, _parsed(flags))
    changes: dict[str, Any] = {}
    for text in settings:
        changes = merge(changes, parse_setting(text))
    values = merge(values, _parsed(changes))
    preset = load_preset(str(values.get("preset", "quick")))
    values = merge(_parsed(preset.run), values)
    defaults = {
        "protocol": merge(
            preset.protocol.model_dump(), load_protocol(str(values.get("recipe", OWN_PROTOCOL)))
        ),
        "pretraining": preset.pretraining.model_dump(),
    }
    return validated(RunConfig, merge(defaults, values), where="this run")


def _parsed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Turn comma lists, counts and ``NAME=DIR`` into the fields' own types."""
    result = dict(values)
    for name, parse in _TEXTS.items():
        if isinstance(result.get(name), str):
            result[name] = parse(result[name])
    if isinstance(result.get("transfer"), (list, tuple)):
        result["transfer"] = _transfers(result["transfer"])
    if isinstance(result.get("shots"), int):
        result["shots"] = (result["shots"],)
    if isinstance(result.get("seeds"), int):
        result["seeds"] = tuple(range(result["seeds"]))
    roots = result.get("data_roots")
    if isinstance(roots, (list, tuple)):
        result["data_roots"] = data_roots(roots)
    if isinstance(result.get("unlabelled"), (list, tuple)):
        result["unlabelled"] = data_roots(result["unlabelled"])
    return result


def comparison_options(
    first: str, second: str, datasets: str | None, shots: str | None
) -> dict[str, Any]:
    """What `compare` was asked for, as the options of the report behind it."""
    return {
        "first": first,
        "second": second,
        "datasets": tuple(filter(None, (n.strip() for n in (datasets or "").split(",")))),
        "shots": _numbers(shots) if shots else (),
    }


def report_names(text: str) -> tuple[str, ...]:
    """The reports that ``--reports`` names; ``none`` is an empty list."""
    return () if text.strip() == "none" else tuple(split_outside_brackets(text))


def _transfers(given: str | Sequence[str]) -> tuple[str, ...]:
    texts = given.split(",") if isinstance(given, str) else [str(text) for text in given]
    names = [str(Transfer.parse(text)) for text in texts if text.strip()]
    if not names:
        raise UsageError("--transfer is empty: give names such as whole,encoder,frozen")
    return tuple(dict.fromkeys(names))


def _numbers(text: str) -> tuple[int, ...]:
    numbers = []
    for part in filter(None, (p.strip() for p in text.split(","))):
        if not part.isdecimal() or int(part) < 1:
            raise UsageError(f"--shots {text!r}: {part!r} is not a whole number above zero")
        numbers.append(int(part))
    if not numbers:
        raise UsageError("--shots is empty: give numbers such as 10,50")
    return tuple(dict.fromkeys(numbers))


def data_roots(texts: Sequence[str]) -> dict[str, Path]:
    """The folders that ``--data-root`` names, by dataset; '' serves all that have none."""
    return dict(_root(text) for text in texts)


def _seconds(text: str) -> float:
    """``90``, ``90s``, ``30m``, ``2h`` or ``1.5d`` in seconds."""
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    number, unit = (text[:-1], text[-1]) if text[-1:] in units else (text, "s")
    try:
        return float(number) * units[unit]
    except ValueError as error:
        raise UsageError(
            f"--time-limit {text!r} is no time: give seconds, or 90s, 30m, 2h, 1d"
        ) from error


def _root(text: str) -> tuple[str, Path]:
    """``NAME=DIR`` or ``DIR``; a folder whose own name holds ``=`` is taken as it is."""
    name, sign, folder = text.partition("=")
    if sign and "/" not in name and not Path(text).exists():
        return name, Path(folder).expanduser()
    return "", Path(text).expanduser()


# How what is written on the command line is read, by field.
_TEXTS: Mapping[str, Callable[[str], Any]] = {
    "methods": lambda text: tuple(split_outside_brackets(text)),
    "datasets": lambda text: tuple(split_outside_brackets(text)),
    "backbones": lambda text: tuple(split_outside_brackets(text)),
    "transfer": _transfers,
    "shots": _numbers,
    "time_limit": _seconds,
    "reports": report_names,
}
