"""The command `compare`: two strategies in the terminal, and drawn in files of the store."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from pydantic import Field

from benchmark.plugins import PluginOptions, Report
from benchmark.reports.columns import format_error
from benchmark.reports.comparison import Duel, called, duels, sentence
from benchmark.reports.comparison_figures import draw_files
from benchmark.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console
    from rich.table import Table

    from benchmark.statistics.results import Interval
    from benchmark.store import Store

WIDTH = 100
LISTED_LANDMARKS = 8


class ComparisonOptions(PluginOptions):
    """What is compared with what."""

    first: str = Field(description="A: method, method@backbone, and ,transfer or ,variant.")
    second: str = Field(description="B, named alike; differences are A minus B.")
    datasets: tuple[str, ...] = Field(default=(), description="Only these datasets.")
    shots: tuple[int, ...] = Field(default=(), description="Only these numbers of shots.")


class ComparisonReport(Report):
    """Two strategies: difference with interval, p, win rate, and where they differ most."""

    name = "comparison"
    filename = None
    Options = ComparisonOptions

    def __init__(self, options: PluginOptions | None = None) -> None:
        super().__init__(options)
        assert isinstance(self.options, ComparisonOptions)
        self._asked = self.options

    def render(self, store: Store) -> str:
        """Plain text of 100 columns."""
        from rich.console import Console

        text = io.StringIO()
        self.show(store, Console(file=text, width=WIDTH, no_color=True))
        return text.getvalue()

    def show(self, store: Store, console: Console, cells: Collection[str] | None = None) -> None:
        """Print one section for each dataset and number of shots that has both."""
        for duel in self._duels(store):
            _print_duel(duel, console)

    def files(self, store: Store) -> Mapping[str, str | bytes]:
        """The images where they differ most, drawn: SVG, PDF and PNG for each section.

        Nothing is drawn of two that have the same errors.
        """
        files: dict[str, str | bytes] = {}
        for duel in self._duels(store):
            if not duel.same():
                files.update(draw_files(store, duel))
        return files

    def _duels(self, store: Store) -> list[Duel]:
        asked = self._asked

        def make() -> list[Duel]:
            names = (asked.first, asked.second)
            return duels(store, names, datasets=asked.datasets, shots=asked.shots)

        return store.derived(repr(asked), make) if isinstance(store, Snapshot) else make()


def _print_duel(duel: Duel, console: Console) -> None:
    from rich.text import Text

    first, second = called(duel.first), called(duel.second)
    console.print()
    console.print(Text(duel.table.title, style="bold"))
    console.print(Text(f"A {first}, B {second}; differences are A − B, so below zero A is better"))
    console.print()
    console.print(Text(sentence(duel), style="bold"))
    if duel.same():
        return
    console.print(_facts(duel))
    console.print()
    console.print(_landmarks(duel))
    console.print()
    console.print(_images(duel))


def _plain_table(*headings: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, show_header=bool(headings))
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="right" if place else "left", no_wrap=place > 0)
    return table


def _facts(duel: Duel) -> Table:
    from rich.text import Text

    grid = _plain_table()
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    for name, text in facts(duel):
        grid.add_row(name, Text(text))
    return grid


def facts(duel: Duel) -> Iterator[tuple[str, str]]:
    """What is known of the difference, as (name, text)."""
    from benchmark.statistics.power import advice

    comparison, unit = duel.comparison, duel.table.group.unit
    components, win = comparison.components, comparison.win_rate
    new = "new images, this one seed" if comparison.one_seed else "new seeds and new images"
    yield "difference", f"{_signed(comparison.difference)} {unit} (95 %, {new})"
    yield "p", f"{_p(comparison.p_value)} ({new})"
    yield "p of sign flips", f"{_p(comparison.sign_flip_p)} (new images, these very trainings)"
    ends = f"[{100 * win.low:.0f}, {100 * win.high:.0f}]"
    yield "win rate of A", f"{100 * win.estimate:.0f} % of seeds x images {ends}"
    seeds = "1 seed" if comparison.one_seed else f"{components.seeds} seeds"
    yield "rests on", f"{seeds} x {components.images} images"
    if comparison.margin is not None:
        yield "margin", f"{comparison.margin:g} {unit}, declared: {comparison.verdict}"
    yield "detectable", advice(components).text(unit)


def _landmarks(duel: Duel) -> Table:
    from rich.text import Text

    unit = duel.table.group.unit
    table = _plain_table("landmarks that differ most", f"A − B {unit}", "95 % interval", "p (Holm)")
    for landmark in duel.landmarks[:LISTED_LANDMARKS]:
        interval = landmark.difference
        table.add_row(
            Text(landmark.name),
            f"{interval.estimate:+.2f}",
            f"[{interval.low:+.2f}, {interval.high:+.2f}]",
            _p(landmark.adjusted_p),
        )
    return table


def _images(duel: Duel) -> Table:
    from rich.text import Text

    unit = duel.table.group.unit
    table = _plain_table("images that differ most", f"A {unit}", f"B {unit}", "A − B")
    for image in duel.extremes():
        table.add_row(
            Text(image.image_id),
            format_error(image.first),
            format_error(image.second),
            f"{image.difference:+.2f}",
        )
    return table


def _signed(interval: Interval) -> str:
    return f"{interval.estimate:+.3f} [{interval.low:+.3f}, {interval.high:+.3f}]"


def _p(value: float) -> str:
    return "below 0.001" if value < 0.001 else f"{value:.3f}"
