"""The protocol `published`: its switches, what each changes, and what stays as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from benchmark.cell import rate_factor, run_cell, training_ids
from benchmark.config import load_protocol
from benchmark.errors import UsageError
from benchmark.frames import fit, stretch
from benchmark.planning import Plan, make_plan
from benchmark.preparation import prepare
from benchmark.prepared import load_prepared
from benchmark.pretraining import Machine
from benchmark.protocol import PublishedSwitches
from benchmark.reports.building import build_tables
from benchmark.reports.leaderboard import render_markdown
from benchmark.reports.published_metric import metric_tables
from benchmark.requests import run_config
from benchmark.schema import CellRecord
from benchmark.splits import first
from benchmark.store import Store
from benchmark.unlabelled import UnlabelledImages, as_inputs

TINY = str(Path(__file__).parent / "conf" / "tiny.toml")
LANDMARKS = 6


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of twelve small films: six to train on, three to choose by, three to test."""
    root = tmp_path_factory.mktemp("films")
    random = np.random.default_rng(0)
    lines = ["image,landmark,x,y,split"]
    for number in range(12):
        split = ("train", "val", "test")[0 if number < 6 else 1 + (number >= 9)]
        # Named against the order of the numbers, so that sorting shows.
        name = f"film{99 - number}.png"
        Image.fromarray(random.integers(40, 200, (80, 60), dtype=np.uint8)).save(root / name)
        for landmark in range(LANDMARKS):
            x, y = random.uniform(5, 54), random.uniform(5, 74)
            lines.append(f"{name},landmark {landmark},{x:.2f},{y:.2f},{split}")
    (root / "landmarks.csv").write_text("\n".join(lines) + "\n")
    return root


def plan(films: Path, *settings: str, recipe: str = "published", **flags: object) -> Plan:
    values = {"preset": TINY, "datasets": "folder", "data_roots": [str(films)], "recipe": recipe}
    values |= {"methods": "scratch,denoise", "shots": "3", "backbones": "unet"}
    return make_plan(run_config(values | flags, None, ("protocol.image_size=64", *settings)))


def keys(made: Plan) -> set[str]:
    return {cell.key for cell in made.cells}


def test_ordinary_cells_know_nothing_of_the_switches_and_keep_their_keys(films: Path) -> None:
    made = plan(films, recipe="own")
    for cell in made.cells:
        identity = cell.spec.identity()
        assert "published" not in identity["protocol"]
        assert "moved" not in identity["protocol"]["augmentation"]
        assert "frame" not in identity["dataset"]
        if identity["pretraining"] is not None:
            assert not {"inputs", "frame"} & set(identity["pretraining"])
            assert "frame" not in identity["pretraining"]["dataset"]
    off = "protocol.published.draws=hash"
    assert keys(plan(films, off, recipe="own")) == keys(made)


def test_every_line_of_the_recipe_is_a_switch_that_changes_the_keys(films: Path) -> None:
    own = run_config({"preset": TINY}).protocol.model_dump() | {
        "published": PublishedSwitches().model_dump()
    }
    whole = keys(plan(films))
    for name in PublishedSwitches.model_fields:
        value = own["published"][name]
        assert keys(plan(films, f"protocol.published.{name}={value}")).isdisjoint(whole), name
    for name in set(load_protocol("published")) - {"published", "augmentation", "image_size"}:
        changed = keys(plan(films, f"protocol.{name}={own[name]}"))
        same = own[name] == load_protocol("published")[name]
        assert same == (name in ("precision", "weight_decay"))
        assert changed == whole if same else changed.isdisjoint(whole), name


def test_the_recipe_has_the_papers_steps() -> None:
    protocol = run_config({"recipe": "published"}).protocol
    steps = [protocol.steps_for(shots) for shots in (1, 5, 10, 16, 25, 50)]
    assert steps == [200, 200, 200, 200, 400, 800]


def test_an_unknown_protocol_and_choices_that_exclude_each_other_get_one_sentence() -> None:
    with pytest.raises(UsageError, match="unknown protocol 'publshed': choose from own, published"):
        run_config({"recipe": "publshed"})
    with pytest.raises(UsageError, match="plateau and patience follow the validation loss"):
        run_config({"recipe": "published", "protocol": {"selection": "val"}})


def test_without_validation_images_the_recipe_is_refused() -> None:
    values = {"datasets": "phantom-chest[train=6,test=2,size=64]", "shots": "3"}
    with pytest.raises(UsageError, match="has no validation images"):
        make_plan(run_config({**values, "methods": "scratch", "recipe": "published"}))


def test_the_first_images_by_name_are_drawn_for_all_seeds(films: Path, tmp_path: Path) -> None:
    made = plan(films, seeds=2)
    store = Store(tmp_path)
    prepare(store, made.cells[0].spec.dataset, films)
    data = load_prepared(store, made.cells[0].spec.dataset.key)
    drawn = {training_ids(data, cell.spec) for cell in made.cells}
    assert drawn == {("film94.png", "film95.png", "film96.png")}
    hashed = plan(films, "protocol.published.draws=hash", seeds=3)
    assert len({training_ids(data, cell.spec) for cell in hashed.cells}) > 1
    with pytest.raises(UsageError, match="1 to 2 shots"):
        first(("a", "b"), 3)


def test_squashed_images_fill_the_square_and_their_points_come_back() -> None:
    frame = stretch(1935, 2400, (256, 256))
    assert (frame.content, frame.offset) == ((256, 256), (0, 0))
    points = np.array([[-0.5, -0.5], [1934.5, 2399.5], [700.3, 11.9]])
    assert frame.to_working(points)[:2] == pytest.approx(np.array([[-0.5] * 2, [255.5] * 2]))
    assert frame.to_native(frame.to_working(points)) == pytest.approx(points)
    assert fit(1935, 2400, (256, 256)).content == (206, 256)


def test_whole_labels_are_whole_px_of_the_square_counted_from_its_corner(
    films: Path, tmp_path: Path
) -> None:
    spec = plan(films).cells[0].spec.dataset
    assert spec.working_size == (64, 64)
    store = Store(tmp_path)
    prepare(store, spec, films)
    data = load_prepared(store, spec.key)
    points = data.working_points([0, 1], whole=True)
    scale = np.array([64 / 60, 64 / 80])
    corner = points + 0.5 - 0.5 * scale
    assert corner == pytest.approx(np.rint(corner), abs=1e-9)
    assert np.abs(points - data.working_points([0, 1])).max() <= 0.5 + 1e-9
    assert np.abs(points - data.working_points([0, 1])).max() > 0.1


def test_inputs_in_the_unit_range_go_from_the_darkest_to_the_brightest_pixel() -> None:
    pixels = np.full((2, 4, 4), 60, np.uint8)
    pixels[0, 0, 0], pixels[0, 1, 1] = 10, 110
    pool = UnlabelledImages(pixels, torch.device("cpu"), "unit")
    images = pool.take(2)
    assert images[0, 0, 0, 0] == 0
    assert images[0, 0, 1, 1] == 1
    assert float(images[0, 0, 2, 2]) == pytest.approx(0.5)
    assert (images[1] == 0).all()
    batch = next(pool.batches(2, torch.Generator().manual_seed(0)))
    assert float(batch.amin()) == 0
    assert float(batch.amax()) == 1
    symmetric = torch.tensor([[[[-0.3, 0.7]]]])
    assert torch.equal(as_inputs(symmetric, "symmetric"), symmetric)


def test_networks_that_start_at_random_learn_ten_times_as_fast(films: Path) -> None:
    rates = {cell.labels.method: rate_factor(cell.spec) for cell in plan(films).cells}
    assert rates == {"scratch": 10.0, "denoise": 1.0}


@pytest.fixture(scope="module")
def done(films: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, list[CellRecord]]:
    """Scratch under the recipe, whole and with one switch off, and under the own protocol."""
    store = Store(tmp_path_factory.mktemp("runs"))
    machine = Machine(torch.device("cpu"), "0" * 16)
    records = []
    for recipe, settings in (
        ("published", ("protocol.published.epochs=4", "protocol.published.patience=1")),
        ("own", ()),
    ):
        made = plan(films, *settings, recipe=recipe, methods="scratch")
        cell = made.cells[0]
        prepare(store, cell.spec.dataset, films)
        records.append(run_cell(store, cell.spec, cell.labels, "tiny", machine))
    return store, records


def test_a_cell_under_the_recipe_is_trained_for_whole_passes_and_measured(
    done: tuple[Store, list[CellRecord]],
) -> None:
    record = done[1][0]
    assert record.training_ids == ("film94.png", "film95.png", "film96.png")
    assert 1 <= record.steps <= 4
    assert record.images_seen == 3 * record.steps
    assert record.metrics is not None
    assert np.isfinite(record.metrics.mre)


def test_rows_of_the_recipe_are_marked_and_explained(
    done: tuple[Store, list[CellRecord]],
) -> None:
    (table,) = build_tables(done[0])
    variants = sorted(row.identity.variant for row in table.rows)
    assert len(variants) == 2
    assert "published in part" in variants[-1]
    assert "published" not in variants[0]
    text = render_markdown(done[0])
    assert "published-protocol.md" in text
    assert "epochs=4" in text
    assert "chosen on labelled validation images" in text


def test_the_papers_metric_is_computed_for_cells_of_any_protocol(
    done: tuple[Store, list[CellRecord]],
) -> None:
    store, records = done
    (table,) = metric_tables(store)
    assert (table.kind, table.unit) == ("chest", "px@256")
    assert len(table.lines) == 2
    for line in table.lines:
        cell = line.row.done[0]
        points, sizes = store.points(cell.key), store.image_sizes(cell.dataset_key or "")
        grid = 256 / np.array([sizes[name] for name in points.image_ids])[:, None]
        offset = np.rint(points.predicted * grid) - np.rint(points.truth * grid)
        assert line.without["cut_disks"] == pytest.approx(np.hypot(*offset.T).mean())
        assert cell in records
