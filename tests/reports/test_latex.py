"""The LaTeX leaderboard, read as LaTeX reads it: groups, environments, cells and escapes."""

from __future__ import annotations

import dataclasses
import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.reports.building import build_tables
from benchmark.reports.latex import LatexLeaderboard, render_latex, sole_best, table_label
from benchmark.reports.latex_text import escape_latex
from benchmark.reports.tables import LeaderboardTable
from benchmark.statistics.results import Interval
from benchmark.store import Store
from tests.reports.judged_tables import hostile_store, judged

COMMANDS = {
    *r"\begin \end \caption \label \centering \small \footnotesize \par \emph \textbf".split(),
    *r"\toprule \midrule \bottomrule \downarrow \uparrow \infty \pm \times \to \leq \geq".split(),
    *r"\textbackslash \textasciicircum \textasciitilde \textless \textgreater \textbar".split(),
    *r"\textquotedbl \textasciigrave \textsuperscript".split(),
}
ENVIRONMENTS = ["table", "tabular"]


def code_of(text: str) -> str:
    """Without the comments, which begin at a percent sign that no backslash stands before."""
    return "\n".join(re.split(r"(?<!\\)%", line)[0] for line in text.splitlines())


def check_latex(text: str) -> None:
    """Fail unless braces, dollars and environments are balanced and all commands are ours.

    Every special character that is not part of one of our constructions must be escaped, because
    whatever it did then would be said by a name.
    """
    code = code_of(text)
    bare = re.sub(r"\\[\\{}$&#%_]", "", code)
    assert set(re.findall(r"\\[A-Za-z]+", bare)) <= COMMANDS
    assert not re.search(r"\\[^A-Za-z]", bare), "an unknown escape"
    depth, opened, math_mode = 0, [], False
    for token in re.findall(r"\\(?:begin|end)\{\w+\}|[{}$#%_^~]", bare):
        if token.startswith("\\begin"):
            opened.append(token[7:-1])
        elif token.startswith("\\end"):
            assert opened.pop() == token[5:-1]
        elif token == "$":
            math_mode = not math_mode
        elif token in "{}":
            depth += 1 if token == "{" else -1
            assert depth >= 0
        else:
            raise AssertionError(f"a bare {token}")
    assert (depth, opened, math_mode) == (0, [], False)


def rows_of(text: str) -> list[list[str]]:
    """The cells of every line of the tabulars."""
    lines = [line for line in text.splitlines() if line.endswith(r" \\")]
    return [re.split(r"(?<!\\)&", line.removesuffix(r" \\")) for line in lines]


def table_of(store: Store, dataset: str, shots: int) -> LeaderboardTable:
    tables = build_tables(store)
    return next(t for t in tables if t.group.name == dataset and t.shots == shots)


def test_every_table_is_sound_latex_with_as_many_cells_as_columns(store: Store) -> None:
    text = LatexLeaderboard().render(store)
    check_latex(text)
    tables = text.split(r"\begin{table}")[1:]
    assert len(tables) == 4
    for table in tables:
        specification = re.search(r"\\begin\{tabular\}\{([lr]+)\}", table)
        assert specification
        assert {len(row) for row in rows_of(table)} == {len(specification[1])}
        for rule in (r"\toprule", r"\midrule", r"\bottomrule"):
            assert f"\n{rule}\n" in table
    labels = re.findall(r"\\label\{(.+?)\}", text)
    assert len(set(labels)) == 4
    assert "tab:cephalometric-50" in labels


def test_the_comment_on_top_names_the_packages(store: Store) -> None:
    head = LatexLeaderboard().render(store).partition(r"\begin")[0]
    assert all(line.startswith("%") for line in head.splitlines() if line)
    assert r"\usepackage{booktabs}" in head
    assert r"\usepackage[T1]{fontenc}" in head


def test_names_that_would_break_latex_are_printed_as_they_are(tmp_path: Path) -> None:
    text = LatexLeaderboard().render(hostile_store(tmp_path))
    check_latex(text)
    assert r"50 \% \& \{\#1\} \textbackslash{}input\{x\}\_{[}a{]}{*}" in text
    assert r"\input{x}" not in text
    (label,) = re.findall(r"\\label\{(.+?)\}", text)
    assert re.fullmatch(r"tab:[a-z0-9-]+-10", label)


@given(st.text())
def test_any_text_is_escaped_to_one_line_of_sound_latex(text: str) -> None:
    escaped = escape_latex(text)
    check_latex(escaped)
    assert "\n" not in escaped
    # After the end of a row these two would be read as an option of the line break.
    assert not escaped.startswith(("[", "*"))
    # Two hyphens would print a dash.
    assert "--" not in escaped or set("–—") & set(text)


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126)))
def test_no_ascii_character_is_lost_in_escaping(text: str) -> None:
    names = {
        "backslash": "\\", "asciicircum": "^", "asciitilde": "~", "less": "<", "greater": ">",
        "bar": "|", "quotedbl": '"', "asciigrave": "`",
    }  # fmt: skip
    shown = escape_latex(text)
    for name, sign in names.items():
        shown = shown.replace(rf"\text{name}{{}}", f"\0{ord(sign)}\0")
    shown = re.sub(r"\\([{}])", lambda match: f"\0{ord(match[1])}\0", shown)
    shown = re.sub(r"[{}]", "", re.sub(r"\\([$&#%_])", r"\1", shown))
    assert re.sub("\0(\\d+)\0", lambda match: chr(int(match[1])), shown) == " ".join(text.split())


def test_the_best_row_is_bold_only_where_it_is_told_apart_from_every_other(store: Store) -> None:
    table = table_of(store, "phantom-hand", 50)
    alone = judged(table)
    assert sole_best(alone) is alone.rows[0]
    text = render_latex([alone])
    assert text.count(r"\textbf") == 2
    assert rf"\textbf{{{alone.rows[0].title}}} &" in text
    tied = dataclasses.replace(alone.pairs[2], adjusted_p=0.05)
    first, second = alone.pairs[0].first, alone.pairs[0].second
    swapped = dataclasses.replace(alone.pairs[0], first=second, second=first)
    higher = dataclasses.replace(
        alone.pairs[0].comparison, difference=Interval(estimate=0.3, low=0.1, high=0.5)
    )
    worse = dataclasses.replace(alone.pairs[0], comparison=higher)
    told_backwards = dataclasses.replace(swapped, comparison=higher)
    again = dataclasses.replace(alone, pairs=(told_backwards, *alone.pairs[1:]))
    assert sole_best(again) is again.rows[0]
    others = [
        judged(table, apart=False),
        dataclasses.replace(alone, pairs=(*alone.pairs[:2], tied, *alone.pairs[3:])),
        dataclasses.replace(alone, pairs=alone.pairs[1:]),
        dataclasses.replace(alone, pairs=(worse, *alone.pairs[1:])),
        dataclasses.replace(alone, pairs=(swapped, *alone.pairs[1:])),
        dataclasses.replace(alone, rows=alone.rows[:1]),
    ]
    for other in others:
        assert sole_best(other) is None
        assert r"\textbf" not in render_latex([other])
        assert "Bold" not in render_latex([other])


def test_the_error_stands_with_its_interval_and_the_caption_says_which(store: Store) -> None:
    table = judged(table_of(store, "phantom-hand", 50))
    error = table.rows[1].number("mre")
    assert error is not None
    text = render_latex([table])
    check_latex(text)
    assert f"{error:.2f} {{[}}{0.9 * error:.2f}, {1.1 * error:.2f}{{]}}" in text
    assert r"MRE with its 95 \% interval" in text
    rows = tuple(dataclasses.replace(row, intervals={}) for row in table.rows)
    unjudged = render_latex([dataclasses.replace(table, rows=rows)])
    assert "MRE with its" not in unjudged
    assert f"{error:.2f} {{[}}" not in unjudged


def test_an_end_without_a_bound_is_an_infinity(store: Store) -> None:
    table = judged(table_of(store, "phantom-hand", 50), low=-math.inf)
    text = render_latex([table])
    check_latex(text)
    assert r"{[}$-\infty$, " in text


def test_references_stand_below_a_rule_of_their_own(store: Store) -> None:
    text = render_latex([table_of(store, "cephalometric", 50)])
    ranked, _, below = text.rpartition(r"\midrule")
    assert "Mean shape" not in ranked
    assert below.index("Mean shape (floor)") < below.index("Between annotators")


def test_synthetic_images_and_failures_are_told(store: Store) -> None:
    assert "Synthetic images." in render_latex([table_of(store, "phantom-hand", 50)])
    real = render_latex([table_of(store, "cephalometric", 10)])
    assert "Synthetic" not in real
    assert "1 of 2" in real
    assert "1 of 12 cells failed" in real


@pytest.mark.parametrize(
    ("first", "second"), [("hand", "Hand"), ("a b", "a-b"), ("手", "足"), ("hand-10", "hand 10")]
)
def test_names_that_look_alike_get_labels_that_differ(
    store: Store, first: str, second: str
) -> None:
    table = table_of(store, "phantom-hand", 50)
    labels = [
        table_label(dataclasses.replace(table, group=dataclasses.replace(table.group, name=name)))
        for name in (first, second)
    ]
    assert labels[0] != labels[1]
    assert all(re.fullmatch(r"tab:[a-z0-9-]+", label) for label in labels)


def test_an_empty_store_gives_a_file_without_tables(tmp_path: Path) -> None:
    text = LatexLeaderboard().render(Store(tmp_path))
    assert code_of(text).strip() == ""
