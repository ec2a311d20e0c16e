"""Asks pip-audit whether a version in constraints.txt has a known hole; fails only where one has.

Run by ``make audit``. Where the index of vulnerabilities cannot be reached, or does not know the
packages, it says that they were not looked at and how many: silence would be taken for health.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

PINS = Path(__file__).resolve().parent.parent / "constraints.txt"
SECONDS = 300


def ask(pins: Path, answer: Path) -> str:
    """Let pip-audit write its answer into a file; why it could not, if it could not."""
    command = [
        sys.executable, "-m", "pip_audit", "--requirement", str(pins), "--no-deps",
        "--disable-pip", "--progress-spinner", "off", "--format", "json", "--output", str(answer),
    ]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"no answer within {SECONDS} s"
    if answer.exists() and answer.stat().st_size:
        return ""
    return (done.stderr.strip() or f"exit status {done.returncode}").splitlines()[-1]


def report(dependencies: list[dict[str, Any]]) -> int:
    """Print what was found; 1 where a version has a known hole."""
    seen = [found for found in dependencies if "vulns" in found]
    holes = [(found, hole) for found in seen for hole in found["vulns"]]
    for found, hole in holes:
        mend = ", ".join(hole.get("fix_versions", [])) or "no release yet"
        print(f"{found['name']} {found['version']}: {hole['id']}, mended in {mend}")
    print(f"audit: {len(holes)} known holes in {len(seen)} of {len(dependencies)} pinned packages")
    if len(seen) < len(dependencies):
        left = len(dependencies) - len(seen)
        print(f"audit: SKIPPED {left} packages that the index does not know or would not tell of")
    return 1 if holes else 0


def main() -> int:
    """Ask and report."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        reason = ask(PINS, answer)
        if reason:
            print(f"audit: SKIPPED all packages, because pip-audit could not ask ({reason})")
            return 0
        return report(json.loads(answer.read_text(encoding="utf-8"))["dependencies"])


if __name__ == "__main__":
    sys.exit(main())
