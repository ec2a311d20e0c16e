"""The YAML of the cards, read back by a YAML library."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.reports.front_matter import front_matter, quoted

yaml: Any = pytest.importorskip("yaml", reason="PyYAML comes with diffusers' hub client")

texts = st.text(st.characters(exclude_categories=["Cs"]))
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
scalars = texts.filter(bool) | numbers | st.booleans()
keys = st.from_regex(r"[a-z][a-z_-]{0,8}", fullmatch=True).filter(
    lambda key: key not in {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3)
        | st.dictionaries(keys, inner, min_size=1, max_size=3)
    ),
    max_leaves=8,
)


def read(text: str) -> Any:
    """What lies between the two lines of hyphens."""
    lines = text.split("\n")
    assert lines[0] == lines[-1] == "---"
    return yaml.safe_load("\n".join(lines[1:-1]))


@given(st.dictionaries(keys, values, min_size=1, max_size=4))
def test_whatever_is_written_is_read_back_with_its_types(fields: dict[str, Any]) -> None:
    assert read(front_matter(fields)) == fields


@given(texts)
def test_a_text_is_one_line_that_reads_as_itself(text: str) -> None:
    written = quoted(text)
    assert len(written.splitlines()) == 1
    assert yaml.safe_load(written) == text


@pytest.mark.parametrize("number", [1e-05, 1.5e-07, 1e300, np.float64(0.1), np.float64(1e-9)])
def test_numbers_of_every_size_and_library_are_read_as_numbers(number: float) -> None:
    found = read(front_matter({"value": number}))["value"]
    assert isinstance(found, float)
    assert found == number


def test_fields_without_content_are_left_out() -> None:
    fields: dict[str, Any] = {"license": "mit", "license_name": "", "tags": [], "args": {}}
    fields["count"] = 0
    assert read(front_matter(fields)) == {"license": "mit", "count": 0}


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_number_that_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(TypeError, match="no place in a front matter"):
        front_matter({"value": value})
