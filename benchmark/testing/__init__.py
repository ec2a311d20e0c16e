"""The conformance suite for plugins, to be inherited by a third party's own tests."""

from benchmark.testing.conformance import MethodConformance
from benchmark.testing.outcomes import DoesNotApply

__all__ = ["DoesNotApply", "MethodConformance"]
