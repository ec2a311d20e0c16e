"""What an audit has found, on a terminal and as a table in a file."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from benchmark.audit.checks import CHECKS, Findings
from benchmark.audit.findings import CERTAINTIES, MEANING, Certainty, Finding
from benchmark.audit.material import Material
from benchmark.files import write_file
from benchmark.records import SPLITS

SHOWN = 12
"""Findings of one check that are printed; ``--save`` writes them all."""

_STYLES: dict[Certainty, str] = {"certain": "bold red", "likely": "yellow", "possible": "cyan"}
_COLUMNS = ("dataset", "check", "certainty", "images", "annotator", "landmark", "finding")


def print_findings(material: Material, findings: Findings, console: Console, seconds: str) -> None:
    """Print all checks that found something, the surest findings first, and what was not checked.

    Args:
        material: What was looked at.
        findings: What was found.
        console: Where to print.
        seconds: How long it took, for people.
    """
    described = Text(f"{_described(material)}; looked at in {seconds}", style="bold")
    console.print(described, soft_wrap=True)
    for check, title in CHECKS.items():
        found = findings.of(check)
        if found:
            console.print()
            console.print(Text(f"{check}: {title} ({len(found)})", style="bold"))
            for finding in found[:SHOWN]:
                _print_line(finding, console)
            if len(found) > SHOWN:
                console.print(f"  and {len(found) - SHOWN} more; --save FILE writes them all")
    console.print()
    for sentence in findings.unchecked:
        console.print(Text(f"not checked: {sentence}"), soft_wrap=True)
    for sentence in _summary(findings):
        console.print(Text(sentence), soft_wrap=True)


def _print_line(finding: Finding, console: Console) -> None:
    line = Text("  ")
    line.append(f"{finding.certainty:<9}", style=_STYLES[finding.certainty])
    line.append(f"{finding.subject}: ", style="bold")
    line.append(finding.sentence)
    console.print(line, soft_wrap=True)


def _described(material: Material) -> str:
    index = material.index
    counts = ", ".join(f"{len(index.split(split))} {split}" for split in SPLITS)
    people = f", {len(material.annotators)} annotators" if len(material.annotators) > 1 else ""
    return (
        f"{index.name}: {len(index.samples)} images ({counts}), "
        f"{len(index.landmark_names)} landmarks{people}"
    )


def _summary(findings: Findings) -> Iterator[str]:
    if not findings.all:
        yield "Nothing found."
        return
    counts = Counter(finding.certainty for finding in findings.all)
    parts = [f"{counts[word]} {word} ({MEANING[word]})" for word in CERTAINTIES if counts[word]]
    word = "finding" if len(findings.all) == 1 else "findings"
    yield f"{len(findings.all)} {word}: {', '.join(parts)}."
    if findings.of("leak"):
        yield (
            "run --exclude-leaks leaves the test image of every leaking pair out; without it "
            "they stay in the test set and their films are kept out of the pretraining alone."
        )


def save_findings(named: Sequence[tuple[str, Findings]], path: Path) -> None:
    """Write all findings as CSV, one a line.

    Args:
        named: The findings of each dataset, with its name.
        path: The file.

    Raises:
        StoreError: It cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for name, findings in named:
        for finding in findings.all:
            writer.writerow(
                [
                    name,
                    finding.check,
                    finding.certainty,
                    " ".join(finding.images),
                    finding.annotator,
                    finding.landmark,
                    finding.sentence,
                ]
            )
    write_file(path, text.getvalue())
