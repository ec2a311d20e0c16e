"""The protocol's settings: later ones leave older keys alone, and two that conflict are refused."""

import pytest

from benchmark.errors import UsageError
from benchmark.files import key_of
from benchmark.protocol import LATER_OPTIONS, ProtocolConfig
from benchmark.requests import run_config


def test_later_options_that_are_not_set_leave_the_keys_of_older_cells_alone() -> None:
    values = ProtocolConfig().model_dump(mode="json")
    assert not set(LATER_OPTIONS) & set(values)
    assert key_of(values) == "dfd013b540a02a7c"


@pytest.mark.parametrize(
    ("name", "value"), [("weight_average", 0.9), ("views", 4), ("shape_limit", 4.0)]
)
def test_later_options_that_are_set_enter_the_key_and_come_back(name: str, value: float) -> None:
    protocol = ProtocolConfig.model_validate({name: value})
    values = protocol.model_dump(mode="json")
    assert values[name] == value
    assert ProtocolConfig.model_validate(values) == protocol


def test_weights_are_averaged_or_chosen_but_not_both() -> None:
    with pytest.raises(UsageError, match=r"both choose the weights to test; leave one"):
        run_config({}, None, ["protocol.selection=val", "protocol.weight_average=0.9"])
