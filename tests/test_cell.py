"""What the records of a cell and of its pretraining account for, on phantoms of 64 px."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import torch

from benchmark.accounting import STAGES, TRAINING, Stopwatch
from benchmark.cell import run_cell
from benchmark.checkpoints import Checkpoint
from benchmark.grid import PretrainingSpec
from benchmark.planning import Plan, PlannedCell, make_plan
from benchmark.preparation import prepare
from benchmark.pretraining import Machine, run_pretraining
from benchmark.progress import Progress
from benchmark.requests import run_config
from benchmark.schema import CellRecord, PretrainingRecord, Timings
from benchmark.store import Store

RANGE = 7


@dataclass
class Meter:
    """A CPU whose counter rises by five joules with every message, and turns over at seven."""

    folder: Path
    messages: list[str] = field(default_factory=list)

    def write(self, joules: int) -> None:
        zone = self.folder / "intel-rapl:0"
        zone.mkdir(parents=True, exist_ok=True)
        (zone / "name").write_text("package-0")
        (zone / "max_energy_range_uj").write_text(f"{RANGE}000000")
        (zone / "energy_uj").write_text(f"{joules % RANGE}000000")

    def __call__(self, progress: Progress) -> None:
        self.messages.append(progress.stage)
        self.write(5 * len(self.messages))


@dataclass(frozen=True)
class Work:
    """A pretraining and two cells that were done, and the messages of each."""

    store: Store
    machine: Machine
    pretrained: PretrainingRecord
    cells: dict[str, CellRecord]
    messages: dict[str, int]

    def accounts(self) -> list[Timings]:
        """Of the pretraining and of every cell."""
        return [self.pretrained.timings, *(cell.timings for cell in self.cells.values())]


def planned() -> Plan:
    """One method as a whole network and under a frozen one."""
    return make_plan(
        run_config(
            {
                "preset": str(Path(__file__).parent / "conf" / "tiny.toml"),
                "datasets": "phantom-cephalometric[train=10,test=3,size=64]",
                "shots": "5",
                "methods": "simclr",
                "transfer": "whole,frozen",
            }
        )
    )


def of_simclr(plan: Plan) -> dict[str, PlannedCell]:
    return {c.labels.transfer: c for c in plan.cells if c.labels.method == "simclr"}


def pretraining_of(plan: Plan) -> PretrainingSpec:
    spec = of_simclr(plan)["whole"].spec.pretraining
    assert spec is not None
    return spec


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Work:
    """The plan done in this process, as by one of two workers."""
    plan = planned()
    store = Store(tmp_path_factory.mktemp("runs"))
    prepare(store, plan.cells[0].spec.dataset, None)
    machine = Machine(
        torch.device("cpu"), "", workers=2, powercap=store.root / "powercap", startup_seconds=1.5
    )
    meters = {name: Meter(machine.powercap) for name in ("pretrain", "whole", "frozen")}
    meters["pretrain"].write(0)
    pretrained = run_pretraining(store, pretraining_of(plan), machine, meters["pretrain"])
    cells = {}
    for name, cell in of_simclr(plan).items():
        meters[name].write(0)
        cells[name] = run_cell(store, cell.spec, cell.labels, "", machine, 1, meters[name])
    messages = {name: len(meter.messages) for name, meter in meters.items()}
    return Work(store, machine, pretrained, cells, messages)


def test_images_seen_are_steps_times_the_batch_repeats_counted(work: Work) -> None:
    assert [cell.images_seen for cell in work.cells.values()] == [4 * 4, 4 * 4]
    assert work.pretrained.images_seen == 3 * 4


def test_multiply_adds_are_of_the_whole_network_with_the_head_it_has(work: Work) -> None:
    whole, frozen = work.cells["whole"].multiply_adds, work.cells["frozen"].multiply_adds
    assert whole is not None
    assert frozen is not None
    # The one 1x1 convolution of the head alone, at half the image's side, is a lower bound.
    assert whole > 32 * 32 * 8 * 4 * 19
    assert frozen != whole


def test_energy_is_all_that_was_taken_over_the_workers_that_shared_it(work: Work) -> None:
    records: dict[str, PretrainingRecord | CellRecord] = {"pretrain": work.pretrained, **work.cells}
    for name, record in records.items():
        assert work.messages[name] >= 1
        assert record.energy_joules == pytest.approx(5 * work.messages[name] / 2)
        assert record.energy_shared_by == {"cpu": 2}
    # More than the counter's range: end minus start would not do.
    assert work.messages["whole"] * 5 > RANGE


def test_what_was_accounted_is_read_back_from_the_store(work: Work) -> None:
    assert work.store.pretraining(work.pretrained.key) == work.pretrained
    for record in work.cells.values():
        assert work.store.cell(record.key) == record


def test_the_stages_of_a_record_add_up_and_each_has_taken_time(work: Work) -> None:
    for timings in work.accounts():
        stages = {stage: getattr(timings, f"{stage}_seconds") for stage in STAGES}
        assert all(seconds > 0 for seconds in stages.values()), stages
        whole = sum(stages.values()) + timings.other_seconds
        assert whole == pytest.approx(timings.total_seconds)
        assert timings.other_seconds > 0
        assert timings.overhead is not None
        assert 0 < timings.overhead < 1
        assert timings.startup_seconds == work.machine.startup_seconds
        assert timings.flops_utilisation is None, "a CPU has no peak here"


def test_images_a_second_are_those_of_the_training(work: Work) -> None:
    seen = [work.pretrained.images_seen, *(cell.images_seen for cell in work.cells.values())]
    for images, timings in zip(seen, work.accounts(), strict=True):
        training = sum(getattr(timings, f"{stage}_seconds") for stage in TRAINING)
        assert timings.images_per_second == pytest.approx(images / training)


def test_accounting_changes_no_prediction(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = of_simclr(planned())["whole"]
    monkeypatch.setattr("benchmark.cell.multiply_adds", lambda *_: None)
    monkeypatch.setattr(Machine, "stopwatch", lambda *_: Stopwatch(peak_flops=1e12))
    unmetered = replace(work.machine, powercap=work.store.root / "none")
    again = run_cell(work.store, cell.spec, cell.labels, "", unmetered)
    assert again.timings.flops_utilisation is not None
    assert again.energy_joules is None
    assert again.multiply_adds is None
    assert again.files == work.cells["whole"].files


def test_a_pretraining_that_was_interrupted_tells_no_energy(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = pretraining_of(planned()).model_copy(update={"steps": 7})
    monkeypatch.setattr(Checkpoint, "due", lambda _: True)

    def stop(progress: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_pretraining(work.store, spec, work.machine, stop)
    record = run_pretraining(work.store, spec, work.machine, Meter(work.machine.powercap))
    assert record.steps == 7
    assert record.energy_joules is None
    assert record.energy_shared_by == {}
    # Time is kept with the training: both parts of it are in the account.
    timings = record.timings
    training = sum(getattr(timings, f"{stage}_seconds") for stage in TRAINING)
    assert timings.images_per_second == pytest.approx(7 * 4 / training)
    assert timings.total_seconds > record.seconds
