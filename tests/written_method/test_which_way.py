"""Which way keeps what every method promises."""

from pathlib import Path

from benchmark.testing import MethodConformance


class TestWhichWay(MethodConformance):
    """Every check of the suite; add below what this method promises besides."""

    method = "which-way"
    plugin_file = Path(__file__).with_name("which_way.py")
