"""The model card of a method: what it is, with what options it ran, what it gave and cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from benchmark import __version__
from benchmark.errors import BenchmarkError
from benchmark.registry import registry
from benchmark.reports.front_matter import front_matter
from benchmark.reports.leaderboard import escape_markdown
from benchmark.reports.markdown_tables import fact_lines, markdown_table
from benchmark.reports.method_facts import hardware
from benchmark.reports.method_options import option_lines
from benchmark.reports.model_index import COORDINATES, TASK, Result, licence_fields, model_index
from benchmark.reports.published_rows import chosen_on_validation

if TYPE_CHECKING:
    from benchmark.plugins import Method
    from benchmark.schema import EnvironmentRecord

PACKAGE = "fewshot-landmark-benchmark"
COSTS = (
    "pretraining_seconds",
    "finetuning_seconds",
    "parameters",
    "multiply_adds",
    "images_seen",
    "energy",
)
"""Keys of the columns that say what a row costs."""

NOT_INSTALLED = "The plugin of this method is not installed where the card was made."
SCOPE = (
    "The numbers hold for the test images of these datasets under this fine-tuning; of other "
    "devices, hospitals and patients they say nothing. This is research software and no medical "
    "device."
)
BEHIND = (
    " Place: one more than the number of strategies that are better than it by more than chance."
)
_DATA = {
    "none": "none",
    "pool": "the unlabelled images of the dataset, never a test image",
    "elsewhere": "other data than the dataset's",
}


def render_method_card(
    name: str, results: Sequence[Result], environments: Mapping[str, EnvironmentRecord]
) -> str:
    """The card as Markdown with a front matter that the Hugging Face hub reads.

    Its parts are those of Mitchell et al., Model cards for model reporting, FAT* 2019, as far as
    a store can answer them.

    Args:
        name: The method's name.
        results: Its rows, in the order of the tables; at least one.
        environments: All of the store, by id.
    """
    plugin = _plugin(name)
    title, labels = results[0].row.title, results[0].cells[0].labels
    family = plugin.family if plugin else labels.family
    metadata = licence_fields(plugin.licence if plugin else "") | {
        "library_name": PACKAGE,
        "pipeline_tag": TASK,
        "tags": ["landmark-detection", "x-ray", "few-shot-learning", family],
        "model-index": model_index(title, results),
    }
    cells = [cell for result in results for cell in result.cells]
    parts = [
        front_matter(metadata),
        "",
        f"# {escape_markdown(title)}",
        "",
        escape_markdown(_summary(plugin) if plugin else NOT_INSTALLED),
        "",
        f"Made by {PACKAGE} {__version__} from the results in one store.",
        "",
        *fact_lines([("Name", name), ("Family", family), *_facts(plugin)]),
        *("## Options", "", *option_lines(cells, plugin)),
        *("## Results", "", *_results(results)),
        *("## Cost", "", *_costs(results, environments)),
        *("## Limits", "", *_limits(results, plugin), ""),
    ]
    return "\n".join(parts)


def _plugin(name: str) -> type[Method] | None:
    """The plugin, or None where it is not installed or does not work here."""
    try:
        return registry("method").load(name)
    except BenchmarkError:
        return None


def _summary(plugin: type[Method]) -> str:
    """The first line of the plugin's own docstring."""
    return (plugin.__doc__ or "What it does is not said.").strip().partition("\n")[0]


def _facts(plugin: type[Method] | None) -> Iterator[tuple[str, str]]:
    if plugin is None:
        yield from (("Citation", ""), ("Licence", ""), ("Parts pretrained", ""))
        return
    yield "Citation", plugin.citation
    yield "Licence of the weights or code that it relies on", plugin.licence
    parts = [part for part in ("encoder", "decoder") if part in plugin.trains]
    yield "Parts pretrained", " and ".join(parts) or "none"
    yield "Pretraining data", _DATA[plugin.pretraining_data]


def _results(results: Sequence[Result]) -> Iterator[str]:
    headings = (*COORDINATES, "MRE", "Gain over scratch (%)", "SDR", "Place", "Seeds")
    rows = []
    for result in results:
        unit, error = result.table.group.unit, result.text("mre")
        texts = (f"{error} {unit}" if error else "failed", result.text("gain"), _sdr(result))
        rows.append((*result.coordinates(), *texts, result.text("place"), result.text("seeds")))
    yield from markdown_table(headings, rows)
    levels = {i.level for r in results for key, i in r.row.intervals.items() if key == "mre"}
    bracket = f" In brackets: {_percent(levels)} intervals." if levels else ""
    judged = any(result.row.entries.get("place") for result in results)
    yield (
        "MRE: mean radial error over the test images, mean over the seeds. SDR: share of "
        f"landmarks within the radius.{bracket}{BEHIND if judged else ''}"
    )
    yield ""


def _percent(levels: set[float]) -> str:
    return " and ".join(f"{100 * level:g} %" for level in sorted(levels))


def _sdr(result: Result) -> str:
    """The detection rate at the first threshold of the field."""
    for column in result.table.columns():
        if column.key.startswith("sdr@"):
            text, radius = result.text(column.key), float(column.key.removeprefix("sdr@"))
            return f"{text} % within {radius:g} {result.table.group.unit}" if text else ""
    return ""


def _costs(
    results: Sequence[Result], environments: Mapping[str, EnvironmentRecord]
) -> Iterator[str]:
    columns = {column.key: column for result in results for column in result.table.columns()}
    shown = [columns[key] for key in COSTS if key in columns]
    units = (f" ({c.unit})" if c.unit and c.unit != "time" else "" for c in shown)
    headings = [column.title + unit for column, unit in zip(shown, units, strict=True)]
    done = [result for result in results if result.row.done]
    rows = [(*result.coordinates(), *(result.text(c.key) for c in shown)) for result in done]
    if not rows:
        yield from ("Nothing finished.", "")
        return
    yield from markdown_table((*COORDINATES, *headings), rows)
    used = {cell.environment for result in done for cell in result.row.done}
    machines = sorted({hardware(environments[name]) for name in used if name in environments})
    yield from fact_lines([("Measured on", "; and on ".join(machines))])


def _limits(results: Sequence[Result], plugin: type[Method] | None) -> Iterator[str]:
    """What weakens the numbers, one line of a list each."""
    for sentence in dict.fromkeys(_limit_sentences(results, plugin)):
        yield f"- {escape_markdown(sentence)}"


def _limit_sentences(results: Sequence[Result], plugin: type[Method] | None) -> Iterator[str]:
    yield SCOPE
    if results[0].row.control:
        yield "A control and no pretraining: others are compared with it."
    if plugin is not None and plugin.needs_gpu:
        yield "The budget that it was published with is out of reach of a CPU."
    for result in results:
        group, title = result.table.group, result.table.title
        record = group.record
        if group.synthetic:
            yield f"{group.full_title}: synthetic images, which decide nothing about real ones."
        if record is not None and record.leaks_allowed and record.leaks:
            yield f"{group.full_title}: films of test images were left in the pretraining pool."
        if len(result.row.done) == 1:
            yield f"{title}: one seed, so another draw or training may give another order."
        protocols = [cell.spec.get("protocol") for cell in result.row.done]
        if any(map(chosen_on_validation, protocols)):
            yield f"{title}: the weights were chosen on labelled validation images."
        for sentence in result.row.failures():
            yield f"{title}: {sentence}"
