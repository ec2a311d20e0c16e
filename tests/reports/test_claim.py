"""The answer to a claim: it holds, does not hold, or cannot be told, and over what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmark.errors import UsageError
from benchmark.overview import existing_store
from benchmark.reports.building import build_tables
from benchmark.reports.claim import ClaimAnswer, claim_answers
from benchmark.reports.html import HtmlReport
from benchmark.store import Store
from tests.reports.store_builder import build_store
from tests.reports.synthetic_data import DATASETS, STRATEGIES, TIMM, Strategy

HAND, CEPHALOMETRIC = DATASETS


def answered(store: Store, claim: str) -> tuple[ClaimAnswer, ...]:
    store.claim = claim
    return claim_answers(store, build_tables(store))


def test_without_a_claim_nothing_is_answered(store: Store) -> None:
    assert claim_answers(store, build_tables(store)) == ()


def test_real_images_come_first_and_only_rows_on_the_same_network_are_compared(
    store: Store,
) -> None:
    real, synthetic = answered(store, "ddpm")
    assert f"on {CEPHALOMETRIC.title}" in real.sentence
    assert f"on {HAND.title}" in synthetic.sentence
    assert {rival.name for rival in real.rivals} == {"SimCLR", "From scratch"}
    assert "ImageNet" not in real.sentence
    assert real.detail.endswith("Not on this network under this transfer: ImageNet.")
    assert {"SimCLR", "From scratch"} == {n for n in ("SimCLR", "From scratch") if n in real.detail}
    assert "10 and 50 labelled images" in real.sentence


@pytest.mark.parametrize(
    ("ddpm", "imagenet", "holds", "words"),
    [
        (1.0, 3.0, True, "DDPM gives the lowest error on"),
        (3.0, 1.0, False, "DDPM does not give the lowest error on"),
        (2.0, 2.0, None, "cannot be told: "),
    ],
)
def test_the_verdict_follows_from_the_intervals(
    tmp_path: Path, ddpm: float, imagenet: float, holds: bool | None, words: str
) -> None:
    strategies = [
        Strategy("ddpm", "DDPM", TIMM, ddpm),
        Strategy("imagenet", "ImageNet", TIMM, imagenet),
    ]
    store = build_store(
        tmp_path, datasets=[CEPHALOMETRIC], strategies=strategies, seeds=(0, 1, 2), failed=()
    )
    (found,) = answered(store, "ddpm")
    assert found.holds is holds
    assert words in found.sentence
    (rival,) = found.rivals
    assert rival.ratio.low <= ddpm / imagenet <= rival.ratio.high
    assert rival.shots == (10, 50)


def test_a_rival_without_a_common_seed_is_named_and_leaves_the_claim_open(tmp_path: Path) -> None:
    good, poor = Strategy("ddpm", "DDPM", TIMM, 1.0), Strategy("moco", "MoCo v2", TIMM, 3.0)
    apart = Strategy("imagenet", "ImageNet", TIMM, 0.5)
    given: dict[str, Any] = {"datasets": [CEPHALOMETRIC], "failed": ()}
    build_store(tmp_path, strategies=[good, poor], seeds=(0, 1, 2), **given)
    store = build_store(tmp_path, strategies=[apart], seeds=(3, 4), **given)
    (found,) = answered(store, "ddpm")
    assert found.holds is None
    assert [rival.name for rival in found.rivals] == ["MoCo v2"]
    assert found.detail.endswith("Not compared, for want of common seeds or images: ImageNet.")


def test_a_rival_with_fewer_numbers_of_labels_is_told_with_them(tmp_path: Path) -> None:
    good, poor = Strategy("ddpm", "DDPM", TIMM, 1.0), Strategy("moco", "MoCo v2", TIMM, 3.0)
    best = Strategy("imagenet", "ImageNet", TIMM, 0.5)
    given: dict[str, Any] = {"datasets": [CEPHALOMETRIC], "failed": (), "seeds": (0, 1, 2)}
    build_store(tmp_path, strategies=[good, poor], shots=(1, 50), **given)
    store = build_store(tmp_path, strategies=[best], shots=(1,), **given)
    (found,) = answered(store, "ddpm")
    assert "with 1 and 50 labelled images:" in found.sentence
    assert "beside that of ImageNet at 1 label is" in found.sentence
    assert "MoCo v2 at" not in found.detail


def test_the_page_begins_with_the_answer_and_then_names_the_best(tmp_path: Path) -> None:
    store = build_store(
        tmp_path, datasets=[CEPHALOMETRIC], strategies=STRATEGIES[:3], seeds=(0, 1, 2), failed=()
    )
    page = HtmlReport().render(existing_store(tmp_path, claim="ddpm"))
    question, heading = page.index("Does DDPM give the lowest error?"), page.index("<h1>")
    assert question < heading < page.index("gave the lowest error")
    assert "DDPM gives the lowest error on" in page[heading : page.index("</h1>")]
    assert "gives the lowest error" not in HtmlReport().render(store)


def test_a_method_that_the_store_does_not_have_is_refused(store: Store) -> None:
    with pytest.raises(UsageError, match=r"--claim moco: no cell in .* ddpm, imagenet"):
        existing_store(store.root, claim="moco")
