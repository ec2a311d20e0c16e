"""The list of citations: everything that was used, once, and nothing that was not."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

from benchmark import __version__
from benchmark.files import write_record
from benchmark.registry import registry
from benchmark.reports import sources
from benchmark.reports.building import build_tables
from benchmark.reports.citations import AUTHORS, TITLE, Citations, render_citations
from benchmark.reports.leaderboard import EMPTY
from benchmark.reports.sources import backbone_sources, statistics_sources, transfer_sources
from benchmark.reports.tables import LeaderboardTable
from benchmark.schema import PretrainingRecord
from benchmark.store import Store
from tests.reports.judged_tables import hostile_store, judged
from tests.reports.store_builder import build_store
from tests.reports.synthetic_data import DATASETS, STRATEGIES


@pytest.fixture(scope="module")
def groups(store: Store) -> dict[str, list[str]]:
    return grouped(Citations().render(store))


def grouped(text: str) -> dict[str, list[str]]:
    """The lines of each group."""
    found = {}
    for block in text.split("\n## ")[1:]:
        title, _, rest = block.partition("\n")
        found[title] = [line for line in rest.splitlines() if line]
    return found


def small_store(root: Path, **changes: Any) -> Store:
    settings = {"strategies": STRATEGIES[:2], "shots": [50], "seeds": [0], "failed": ()}
    return build_store(root, **({"datasets": DATASETS[:1]} | settings | changes))


def plain_tables(store: Store) -> list[LeaderboardTable]:
    """The tables as they are without evidence."""
    return [
        dataclasses.replace(
            table,
            pairs=(),
            rows=tuple(
                dataclasses.replace(
                    row,
                    intervals={},
                    entries={**row.entries, "rank": None, "labels_saved": None},
                )
                for row in table.rows
            ),
        )
        for table in build_tables(store)
    ]


def test_every_line_is_one_source_and_groups_are_sorted(groups: dict[str, list[str]]) -> None:
    every = [line for lines in groups.values() for line in lines]
    assert len(every) == len(set(every)) > 15
    for lines in groups.values():
        assert all(re.match(r"- .+: .+", line) for line in lines)
        assert lines == sorted(lines, key=str.casefold)
        cited = [line.split(": ", 1)[1] for line in lines]
        assert len(cited) == len(set(cited))


def test_the_software_is_cited_as_its_citation_file_does(
    groups: dict[str, list[str]], repository: Path
) -> None:
    citation = (repository / "CITATION.cff").read_text(encoding="utf-8")
    assert f'title: "{TITLE}"' in citation
    assert f'name: "{AUTHORS}"' in citation
    (line,) = groups["This software"]
    assert line.startswith(f"- fewshot-landmark-benchmark {__version__}: ")
    assert AUTHORS in line


def test_every_method_is_cited_in_the_words_of_its_plugin(groups: dict[str, list[str]]) -> None:
    for method in ("scratch", "ddpm", "simclr", "imagenet"):
        citation = registry("method").load(method).citation
        (line,) = [line for line in groups["Methods"] if f"({method})" in line]
        assert line.endswith(f": {citation}")
    assert len(groups["Methods"]) == 4


def test_methods_with_one_source_share_a_line(tmp_path: Path) -> None:
    long = dataclasses.replace(STRATEGIES[0], method="scratch-long", title="From scratch, long")
    store = small_store(tmp_path, strategies=[STRATEGIES[0], long])
    (line,) = grouped(Citations().render(store))["Methods"]
    assert line.startswith("- From scratch (scratch); From scratch, long (scratch-long): He, ")


def test_a_method_that_is_not_installed_says_so_and_breaks_nothing(tmp_path: Path) -> None:
    text = Citations().render(hostile_store(tmp_path))
    assert "<script" not in text
    lines = grouped(text)["Methods"]
    assert sum(line.endswith(": not installed here") for line in lines) == 1


def test_datasets_stand_with_their_licence(groups: dict[str, list[str]]) -> None:
    (line,) = groups["Datasets"]
    assert "Cephalograms (ISBI 2015) (cephalometric); Hand phantom (phantom-hand): " in line
    assert "Wang et al., Medical Image Analysis, 2016" in line
    assert "licence: research only" in line


def test_networks_are_cited_as_far_as_they_are_known() -> None:
    def cited(name: str) -> str:
        return " ".join(part.source for part in backbone_sources(name))

    assert "Diffusers" in cited("unet")
    assert "timm" not in cited("unet")
    assert "EfficientNet, ICML 2019" in cited("timm/tf_efficientnet_lite0")
    assert "EfficientNetV2, ICML 2021" in cited("timm/tf_efficientnetv2_b0")
    assert "Deep residual" in cited("timm/resnet18.a1_in1k")
    # The second version of ResNet is another paper.
    assert "Deep residual" not in cited("timm/resnetv2_50")
    assert list(backbone_sources("somebody-elses")) == []


def test_weights_from_elsewhere_are_named_as_the_pretraining_noted_them(tmp_path: Path) -> None:
    store = small_store(tmp_path, strategies=STRATEGIES[5:])
    assert "Weights" not in grouped(Citations().render(store))
    (record,) = store.pretrainings()
    noted: PretrainingRecord = record.model_copy(
        update={"metrics": {"source": "lite0.in1k, timm 1.0.31"}}
    )
    write_record(store.root / "pretrained" / record.key / "pretraining.json", noted)
    found = grouped(Citations().render(store))["Weights"]
    assert found == ["- ImageNet: lite0.in1k, timm 1.0.31"]


def test_only_the_losses_and_transfers_that_were_used_are_cited(tmp_path: Path) -> None:
    plain = grouped(Citations().render(small_store(tmp_path / "plain")))["Fine-tuning"]
    assert plain == ["- AdamW: Loshchilov and Hutter: Decoupled weight decay, ICLR 2019"]
    other = small_store(
        tmp_path / "other", transfer="frozen@50", spec_changes={"protocol": {"loss": "awing"}}
    )
    lines = grouped(Citations().render(other))["Fine-tuning"]
    assert [line.split(":")[0] for line in lines] == [
        "- AdamW", "- Loss awing", "- Transfer frozen@50", "- Transfer frozen@50",
    ]  # fmt: skip
    assert [part.source for part in transfer_sources("frozen")] == [sources.TRANSFERS["frozen"]]


def test_versions_come_from_the_machines_that_computed_the_results(tmp_path: Path) -> None:
    store = small_store(tmp_path)
    (environment,) = store.environments().values()
    packages = {"torch": "9.9", "benchmark": "0.0.7", "rarelib": "3.1"}
    # A machine that computed nothing of what is shown.
    store.write_environment(environment.model_copy(update={"id": "0" * 16, "packages": packages}))
    text = Citations().render(store)
    assert "- torch 2.13.0: Paszke" in text
    assert "- Python 3.11.9: " in text
    assert "9.9" not in text
    for cell in store.cells():
        moved = cell.model_copy(update={"environment": "0" * 16})
        write_record(store.root / "cells" / cell.key / "cell.json", moved)
    lines = grouped(Citations().render(store))
    assert any(line.startswith("- torch 2.13.0, 9.9: ") for line in lines["Libraries"])
    assert "- rarelib 3.1: the rarelib developers" in lines["Libraries"]
    assert "results computed with 0.0.7" in lines["This software"][0]


def test_published_numbers_are_cited_where_they_stand_beside_a_table(
    groups: dict[str, list[str]], tmp_path: Path
) -> None:
    title = "Published numbers that stand beside the tables"
    assert any("GU2Net: Zhu et al." in line for line in groups[title])
    assert title not in grouped(Citations().render(small_store(tmp_path)))


def test_statistics_are_cited_only_where_they_are_shown(store: Store) -> None:
    plain = plain_tables(store)
    assert list(statistics_sources(plain)) == []
    evident = [judged(table) for table in plain]
    used = set(statistics_sources(evident))
    assert used == {
        sources.VARIANCE, sources.PROPORTIONS, sources.MULTIPLICITY, sources.SIGN_FLIPS,
        sources.BOOTSTRAP, sources.AGGREGATES,
    }  # fmt: skip
    with_margin = set(statistics_sources([judged(plain[0], margin=0.1)]))
    assert sources.EQUIVALENCE in with_margin
    assert sources.AGGREGATES not in with_margin
    assert sources.CRITICAL_DIFFERENCE in set(statistics_sources(evident * 2))
    text = render_citations(store, evident)
    for name in ("Satterthwaite", "Owen", "Holm", "Wilson"):
        assert text.count(name) == 1
    assert "Demšar" not in text


def test_an_empty_store_says_so(tmp_path: Path) -> None:
    assert EMPTY in Citations().render(Store(tmp_path))
