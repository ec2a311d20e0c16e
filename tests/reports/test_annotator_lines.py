"""What annotators differ by stands under the table of their dataset, in every rendering."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from benchmark.reports.html import HtmlReport
from benchmark.reports.leaderboard import print_leaderboard, render_markdown
from benchmark.schema import AnnotatorDistance
from benchmark.store import Store
from tests.reports.card_reading import rewrite_dataset, small_store

BOTH = AnnotatorDistance(first="Ann", second="Ben", images=28, points=140, mean=1.234)


def renderings(store: Store) -> list[str]:
    """Terminal, Markdown and HTML, each with its white space made even."""
    stream = io.StringIO()
    print_leaderboard(store, Console(width=120, file=stream, color_system=None))
    texts = (stream.getvalue(), render_markdown(store), HtmlReport().render(store))
    return [" ".join(text.split()) for text in texts]


def test_two_annotators_are_named_with_their_images_and_distance(tmp_path: Path) -> None:
    store = small_store(tmp_path)
    rewrite_dataset(store, annotators=(BOTH,), annotator_distance=BOTH.mean)
    for text in renderings(store):
        assert "Between annotators" in text
        assert "Inter-annotator error on the test set: Ann and Ben, 28 images: 1.23 mm." in text


def test_of_many_pairs_three_are_named_and_the_others_counted(tmp_path: Path) -> None:
    store = small_store(tmp_path)
    pairs = [BOTH.model_copy(update={"second": f"reader {n}"}) for n in range(5)]
    rewrite_dataset(store, annotators=tuple(pairs), annotator_distance=BOTH.mean)
    for text in renderings(store):
        assert "Ann and reader 2, 28 images: 1.23 mm; and 2 more pairs." in text
        assert "reader 3" not in text


def test_a_dataset_of_one_annotator_says_nothing_of_it(tmp_path: Path) -> None:
    for text in renderings(small_store(tmp_path)):
        assert "nter-annotator" not in text
