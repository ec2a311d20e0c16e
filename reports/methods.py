"""The table of methods: family, source, cost, what the embeddings have learnt, and the error."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmark.plugins import Report
from benchmark.probing import ATTRIBUTE_MEAN
from benchmark.reports.building import build_tables
from benchmark.reports.columns import MRE, SEEDS
from benchmark.reports.facts import commands
from benchmark.reports.leaderboard import EMPTY, escape_markdown
from benchmark.reports.method_facts import (
    Measured,
    Origin,
    control_step_seconds,
    hardware,
    measured,
    origin_of,
    probed_attributes,
    tables_by_transfer,
)
from benchmark.reports.tables import WHOLE

if TYPE_CHECKING:
    from benchmark.reports.tables import LeaderboardTable, Row
    from benchmark.schema import EnvironmentRecord
    from benchmark.store import Store

NOTHING = "–"
LEGEND = """\
- Trained: the parts of the network that the pretraining changes; all others start at random.
- Cost a step: wall seconds of a pretraining step over those of a fine-tuning step of scratch on
  the same network, data and hardware. Both stages count from loading the images to the last step,
  without the measurements that follow. Steps differ in their number of images, as shown.
- kNN R²: how well the mean of the 20 nearest images of the pool, by cosine similarity of whitened
  frozen embeddings, predicts the attributes of test subjects; mean over the attributes. After the
  slash: the same for the network before pretraining. 1 is perfect, 0 is as good as the mean of the
  test subjects, −0.05 is expected of noise.
- Loss: mean of the first five steps and of the last tenth. The reference is the loss of knowing
  nothing, in the method's own words below the table.
"""


@dataclass(frozen=True)
class Line:
    """A row of the table with all that is known of its method."""

    row: Row
    origin: Origin
    measured: Measured

    @property
    def place(self) -> tuple[int, str, str, tuple[str, ...]]:
        """Orders by family, then by name."""
        return self.origin.rank, self.origin.family, self.row.identity.method, self.row.identity


def render_methods(store: Store) -> str:
    """One table for each dataset, number of shots and transfer, as Markdown."""
    tables = build_tables(store)
    parts = ["# Methods", "", "Made by the software from the results in this store.", ""]
    if not tables:
        return "\n".join([*parts, EMPTY, ""])
    parts += [LEGEND, "Made by:", "", *(f"    {command}" for command in commands(store)), ""]
    environments = store.environments()
    pretrainings = {record.key: record for record in store.pretrainings()}
    for table, transfer, rows in tables_by_transfer(tables):
        steps = control_step_seconds(table.group.cells, environments)
        lines = [
            Line(row, origin_of(row), measured(row, pretrainings, steps, environments))
            for row in rows
        ]
        lines.sort(key=lambda line: line.place)
        parts += _section(table, transfer, lines, environments)
    return "\n".join(parts)


def _section(
    table: LeaderboardTable,
    transfer: str,
    lines: Sequence[Line],
    environments: dict[str, EnvironmentRecord],
) -> Iterable[str]:
    suffix = "" if transfer == WHOLE else f", transfer {transfer}"
    yield f"## {escape_markdown(table.title + suffix)}"
    yield ""
    yield from (f"- {escape_markdown(fact)}" for fact in _facts(table, lines, environments))
    yield ""
    yield from _table(table, lines)
    yield ""
    yield from _probes(lines)
    yield from (f"- {note}" for note in table.notes)
    meanings = {line.row.title: line.measured.meaning for line in lines if line.measured.meaning}
    for title, meaning in meanings.items():
        yield f"- {escape_markdown(f'Reference loss of {title}: {meaning}.')}"
    for line in lines:
        yield from (f"- {escape_markdown(sentence)}" for sentence in line.row.failures())
    yield ""


def _facts(
    table: LeaderboardTable, lines: Sequence[Line], environments: dict[str, EnvironmentRecord]
) -> Iterable[str]:
    """Dataset, shots, preset and hardware, one sentence each."""
    cells = [cell for line in lines for cell in line.row.done + line.row.failed]
    kind = ", synthetic images" if table.group.synthetic else ""
    yield f"Dataset: {table.group.name} ({table.group.full_title}){kind}"
    yield f"Shots: {table.shots}"
    presets = sorted({str(cell.spec["preset"]) for cell in cells if cell.spec.get("preset")})
    yield f"Preset: {' and '.join(presets) or 'none'}"
    seeds = sorted({cell.labels.seed for cell in cells})
    yield f"Seeds: {', '.join(map(str, seeds))}"
    known = [environments[c.environment] for c in cells if c.environment in environments]
    machines = dict.fromkeys(map(hardware, known))
    yield f"Hardware: {' and '.join(machines) or 'not recorded'}"


def _table(table: LeaderboardTable, lines: Sequence[Line]) -> Iterable[str]:
    networks = len({line.row.identity.backbone for line in lines}) > 1
    variants = any(line.row.identity.variant for line in lines)
    headings = {"Method": False, "Family": False}
    headings |= {"Network": False} if networks else {}
    headings |= {"Variant": False} if variants else {}
    headings |= {"Trained": False, "Source": False, "Cost a step": True, "Images a step": True}
    headings |= {"kNN R² / random": True, "Loss first → last": True, "Reference": True}
    headings |= {MRE.heading(table.group.unit): True, SEEDS.title: True}
    yield _row(headings)
    yield _row("---:" if numeric else ":---" for numeric in headings.values())
    for line in lines:
        identity, origin, known = line.row.identity, line.origin, line.measured
        texts = [f"{line.row.title} ({identity.method})", origin.family]
        texts += [identity.backbone] if networks else []
        texts += [identity.variant] if variants else []
        texts += [_trained(origin), origin.source, _cost(known.cost), _number(known.images, ".4g")]
        texts += [_probe(known, ATTRIBUTE_MEAN), _loss(known), _number(known.reference, ".3g")]
        error = MRE.text(line.row.entries, line.row.intervals)
        texts.append(error or ("failed" if line.row.failed else ""))
        texts.append(SEEDS.text(line.row.entries, line.row.intervals))
        yield _row(escape_markdown(text) or NOTHING for text in texts)


def _row(texts: Iterable[str]) -> str:
    return f"| {' | '.join(texts)} |"


def _probes(lines: Sequence[Line]) -> Iterable[str]:
    """The probe an attribute, for the methods that were asked."""
    attributes = probed_attributes(line.measured for line in lines)
    if not attributes:
        return
    names = [escape_markdown(name.replace("_", " ")) for name in attributes]
    yield "kNN R² / random, an attribute of the subjects:"
    yield ""
    yield _row(["Method", *names])
    yield _row([":---", *("---:" for _ in attributes)])
    for line in lines:
        if line.measured.probe:
            texts = (_probe(line.measured, name) or NOTHING for name in attributes)
            yield _row([escape_markdown(line.row.name), *texts])
    yield ""


def _trained(origin: Origin) -> str:
    if origin.trains is None:
        return ""
    return " and ".join(origin.trains) or "nothing"


def _cost(ratio: float | None) -> str:
    return "" if ratio is None else f"x{ratio:.1f}"


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def _probe(known: Measured, attribute: str) -> str:
    trained, random = known.probe.get(attribute, (None, None))
    if trained is None:
        return ""
    return f"{_signed(trained)} / {_signed(random) if random is not None else NOTHING}"


def _signed(value: float) -> str:
    """Two decimals with a true minus sign, so that columns align, and no negative zero."""
    text = f"{value:.2f}"
    return "0.00" if text == "-0.00" else text.replace("-", "−")


def _loss(known: Measured) -> str:
    if known.first is None or known.last is None:
        return ""
    return f"{known.first:.3g} → {known.last:.3g}"


class MethodsTable(Report):
    """The table of methods as a Markdown file: where each is from, what it costs and gives."""

    name = "methods"
    filename = "methods.md"

    def render(self, store: Store) -> str:
        """One table for each dataset, number of shots and transfer."""
        return render_methods(store)
