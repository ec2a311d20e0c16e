"""Sets medians of the benchmarks against those of ``baseline.json``.

    make bench BENCH_FLAGS="--benchmark-json=new.json"
    python -m benchmarks.compare_baseline new.json
    python -m benchmarks.compare_baseline new.json --write     makes it the new baseline

A ratio above one is slower than the baseline. Ratios between two machines say how these differ;
those of one machine, idle both times, say what a change has done.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

BASELINE = Path(__file__).parent / "baseline.json"


class Medians(BaseModel):
    """What is kept of a run of the benchmarks.

    Attributes:
        machine: Processor, cores, threads and versions; no name of the machine.
        seconds: Median by name of the benchmark.
    """

    model_config = ConfigDict(frozen=True)

    machine: dict[str, str | int]
    seconds: dict[str, float]


def reduced(report: dict[str, Any]) -> Medians:
    """Medians and machine out of what pytest-benchmark has written, or what was reduced before.

    The threads and the version of torch are those of this process.
    """
    if "seconds" in report:
        return Medians.model_validate(report)
    import torch

    info = report["machine_info"]
    machine: dict[str, str | int] = {
        "cpu": info["cpu"].get("brand_raw", info["processor"]),
        "cores": info["cpu"].get("count", 0),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
        "system": f"{info['system']} {info['machine']}",
        "python": info["python_version"],
        "torch": str(torch.__version__),
    }
    medians = {case["name"]: float(case["stats"]["median"]) for case in report["benchmarks"]}
    return Medians(machine=machine, seconds=dict(sorted(medians.items())))


def table(baseline: Medians, now: Medians) -> list[str]:
    """Markdown: a benchmark a line, the most slowed first, then new ones and lost ones."""
    lines = [
        "| benchmark | baseline, ms | now, ms | ratio |",
        "| :--- | ---: | ---: | ---: |",
    ]
    both = baseline.seconds.keys() & now.seconds.keys()
    ratios = {name: now.seconds[name] / baseline.seconds[name] for name in both}
    for name in sorted(both, key=lambda name: -ratios[name]):
        before, after = baseline.seconds[name], now.seconds[name]
        lines.append(f"| {name} | {1e3 * before:.3g} | {1e3 * after:.3g} | {ratios[name]:.2f} |")
    new, lost = now.seconds.keys() - both, baseline.seconds.keys() - both
    lines += [f"| {name} | | {1e3 * now.seconds[name]:.3g} | |" for name in sorted(new)]
    lines += [f"| {name} | {1e3 * baseline.seconds[name]:.3g} | | |" for name in sorted(lost)]
    return lines


def differences(baseline: Medians, now: Medians) -> list[str]:
    """What is not the same about the two machines, a sentence each."""
    names = sorted(baseline.machine.keys() | now.machine.keys())
    pairs = [(name, baseline.machine.get(name), now.machine.get(name)) for name in names]
    return [f"{name}: {old!r} then, {new!r} now" for name, old, new in pairs if old != new]


def main(arguments: list[str] | None = None) -> int:
    """Print the table, or write the baseline; exit status 2 for a file that will not do."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("new", type=Path, help="what --benchmark-json has written")
    parser.add_argument("--write", action="store_true", help="make it the new baseline")
    parser.add_argument("--baseline", type=Path, default=BASELINE, help="another baseline")
    asked = parser.parse_args(arguments)
    try:
        now = reduced(json.loads(asked.new.read_text(encoding="utf-8")))
        if asked.write:
            asked.baseline.write_text(now.model_dump_json(indent=1) + "\n", encoding="utf-8")
            print(f"{asked.baseline}: {len(now.seconds)} medians")
            return 0
        baseline = reduced(json.loads(asked.baseline.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError) as error:
        print(f"error: these are no benchmarks: {error}", file=sys.stderr)
        return 2
    for line in differences(baseline, now):
        print(f"Other machine: {line}.")
    print("\n".join(table(baseline, now)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
