"""How long it takes to list all plugins: it is part of the start of every command."""

from pytest_benchmark.fixture import BenchmarkFixture

from benchmark.plugins import Method
from benchmark.registry import Registry


def test_listing_the_methods(benchmark: BenchmarkFixture) -> None:
    entries = benchmark(lambda: Registry[Method]("method").entries())
    assert entries
