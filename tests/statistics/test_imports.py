from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import benchmark.statistics

MODULES = sorted(path.stem for path in Path(benchmark.statistics.__path__[0]).glob("*.py"))


@pytest.mark.parametrize("heavy", ["torch", "scipy", "pandas", "matplotlib"])
def test_importing_the_statistics_loads_nothing_heavy(heavy: str) -> None:
    assert "components" in MODULES
    names = [f"benchmark.statistics.{name}" for name in MODULES if name != "__init__"]
    code = f"import sys, {', '.join(names)}; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
