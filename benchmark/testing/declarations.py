"""What a method says of itself: metadata, and options that are described and validated."""

from __future__ import annotations

import inspect
import json
from typing import Any

from benchmark.errors import UsageError
from benchmark.plugin_specs import validate_options
from benchmark.plugins import Method, PluginOptions
from benchmark.testing.outcomes import require

UNKNOWN = "option_that_nobody_has"


def require_metadata(method: type[Method]) -> None:
    """Check what the registry does not: texts that say something and do not contradict."""
    name = method.name
    for attribute in ("title", "citation", "licence"):
        text = getattr(method, attribute)
        require(
            bool(text.strip()) and "\n" not in text,
            f"{name}: {attribute} is {text!r}, where one line of text is needed",
        )
    require(
        bool((method.__doc__ or "").strip()),
        f"{name}: the class has no docstring; its first line stands in `list methods`",
    )
    require(
        (method.pretraining_data == "none") == (not method.trains),
        f"{name}: it learns from {method.pretraining_data!r} but trains "
        f"{' and '.join(sorted(method.trains)) or 'nothing'}; correct pretraining_data or trains",
    )
    require(
        (method.family == "control") == (not method.trains),
        f"{name}: only a control trains nothing, and it trains nothing else; correct family or "
        "trains",
    )
    require(
        not (method.long_finetuning and method.trains),
        f"{name}: long_finetuning is for a control that pretrains nothing",
    )
    for option, field in method.Options.model_fields.items():
        require(
            bool((field.description or "").strip()),
            f"{name}: option {option!r} has no description; give its reason or its source with "
            "Field(..., description=...)",
        )


def require_valid_options(method: type[Method], options: PluginOptions) -> None:
    """Check that good options pass and bad ones are refused in a sentence.

    Args:
        method: The class.
        options: Options that are good.
    """
    name, model = method.name, method.Options
    require(
        model.model_config.get("frozen") is True,
        f"{name}: its options can be changed after they were validated; derive them from "
        "benchmark.plugins.PluginOptions",
    )
    written = json.loads(options.model_dump_json())
    try:
        back = model.model_validate(written)
    except ValueError as error:
        raise AssertionError(
            f"{name}: its options are not valid as they come back from JSON, defaults included: "
            f"{_line(error)}"
        ) from error
    require(back == options, f"{name}: its options come back from JSON as {back}, not {options}")
    _require_refusal(method, {**written, UNKNOWN: 1}, UNKNOWN, "which does not exist")
    for option in model.model_fields:
        _require_refusal(method, {**written, option: object()}, option, "of no sensible type")


def _require_refusal(method: type[Method], values: dict[str, Any], option: str, what: str) -> None:
    name = method.name
    try:
        validate_options(method.Options, values, f"method {name!r}", name)
    except UsageError as error:
        sentence = str(error)
    except Exception as error:
        raise AssertionError(
            f"{name}: a value {what} for option {option!r} ends in {_line(error)}, where pydantic "
            "needs a ValueError"
        ) from error
    else:
        raise AssertionError(
            f"{name}: option {option!r} takes a value {what}; give it a narrower type, and forbid "
            "further options (extra='forbid')"
        )
    require(
        option in sentence and "\n" not in sentence,
        f"{name}: the refusal of option {option!r} should be one sentence that names it, and is "
        f"{inspect.cleandoc(sentence)!r}",
    )


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
