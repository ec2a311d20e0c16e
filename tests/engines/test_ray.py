"""The engine `ray` against a cluster that says what it is told to: losses, hangs, blind nodes."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from benchmark.engines.base import Silent
from benchmark.engines.launching import started
from benchmark.engines.limits import Limits
from benchmark.engines.local_settings import LocalSettings
from benchmark.engines.nodes import BLIND, Assignment, Said, code_digest, work
from benchmark.engines.options import RayOptions, Resources, resources_of
from benchmark.engines.ray import RayEngine, RaySettings
from benchmark.engines.ray_cluster import CancelledError, Cluster, NodeLostError
from benchmark.errors import UsageError
from benchmark.store import Store
from benchmark.tasks import Task
from benchmark.worker import Order

DONE = json.dumps({"event": "done"})
SPEC = {
    "dataset": None,
    "method": {"name": "ddpm", "version": 1, "options": {}},
    "backbone": {"name": "unet", "options": {}},
    "steps": 1,
    "batch_size": 1,
    "precision": "float32",
    "seed": None,
}
TASK = Task(kind="pretrain", key="a" * 16, title="a pretraining", payload={"spec": SPEC})


class Script:
    """Stands in for a cluster: each task that is sent gets the next list of things to say."""

    def __init__(self, *scripts: Sequence[Said | Exception | None], room: int = 1) -> None:
        self.scripts, self.size = [list(script) for script in scripts], room
        self.sent: list[tuple[Assignment, Any, Resources]] = []
        self.cancelled: list[list[Any]] = []

    def room(self, resources: Resources) -> int:
        """As many as it was made with."""
        return self.size

    def gpus(self) -> float:
        """Two."""
        return 2.0

    def put(self, parcel: bytes) -> bytes:
        """Itself."""
        return parcel

    def submit(self, assignment: Assignment, parcels: Any, on: Resources) -> list[Any]:
        """Keep it."""
        self.sent.append((assignment, parcels, on))
        return self.scripts.pop(0)

    def speaking(self, handles: Sequence[list[Any]], seconds: float) -> list[list[Any]]:
        """Those that have something left to say; silence where nothing is."""
        time.sleep(0.01)
        return [handle for handle in handles if handle]

    def hear(self, handle: list[Any]) -> Any:
        """The next thing."""
        said = handle.pop(0)
        if isinstance(said, Exception):
            raise said
        return said

    def cancel(self, handle: list[Any], *, force: bool = True) -> None:
        """Let it end so."""
        self.cancelled.append(handle)
        handle.append(CancelledError())


def run(
    tmp_path: Path,
    cluster: Script,
    task: Task = TASK,
    device: str = "cpu",
    limits: Limits | None = None,
    resources: dict[str, Resources] | None = None,
    **options: Any,
) -> list[str]:
    """Why the task failed; nothing where it is done."""
    settings = RaySettings(
        RayOptions(**options),
        resources or {},
        LocalSettings(1, 1, device=device, limits=limits or Limits()),
        grace_seconds=0.1,
    )
    engine = RayEngine(Store(tmp_path), settings, Silent(), cast("Cluster", cluster))
    outcome = engine.run((task,))
    assert len(outcome.done) + len(outcome.failed) == 1
    assert list(tmp_path.rglob(".*")) == []
    return [failure.sentence for _, failure in outcome.failed]


def test_a_task_whose_node_is_lost_is_begun_again(tmp_path: Path) -> None:
    lost: list[Said | Exception] = [started("one"), NodeLostError("node 1 is dead")]
    assert run(tmp_path, Script(lost, [None], [started("two"), DONE])) == []


def test_one_that_loses_every_node_fails_in_the_end(tmp_path: Path) -> None:
    scripts = [[NodeLostError(f"node {number} is dead")] for number in range(3)]
    (sentence,) = run(tmp_path, Script(*scripts), retries=2)
    assert "lost 3 times, last: node 2 is dead" in sentence
    record = Store(tmp_path).pretraining(TASK.key)
    assert record is not None
    assert record.error is not None
    assert record.error.fault == "machine"


def test_a_failure_of_the_method_is_not_tried_again(tmp_path: Path) -> None:
    failure = {"sentence": "a bolt came loose", "fault": "method"}
    said = {"failure": failure, "bad_input": False, "stops_run": False, "log": "clang"}
    cluster = Script([started("one"), json.dumps({"event": "failed"} | said)])
    assert run(tmp_path, cluster) == ["a bolt came loose"]
    assert (tmp_path / "pretrained" / TASK.key / "log.txt").read_text() == "clang"


def test_a_task_that_hangs_is_cancelled_after_its_limit(tmp_path: Path) -> None:
    cluster = Script([started("one")])
    (sentence,) = run(tmp_path, cluster, limits=Limits(seconds=0.1))
    assert "said nothing when its time was over" in sentence
    assert len(cluster.cancelled) == 1


def test_a_node_that_falls_silent_is_cancelled(tmp_path: Path) -> None:
    cluster = Script([started("one")])
    run(tmp_path, cluster, limits=Limits(silence=0.1))
    assert len(cluster.cancelled) == 1


def test_a_blind_node_has_the_task_sent_again_with_what_it_needs(tmp_path: Path) -> None:
    (tmp_path / "machines").mkdir()
    cluster = Script([BLIND], [started("one"), b"no parcel", DONE])
    (sentence,) = run(tmp_path, cluster)
    assert "parcel from another machine is damaged" in sentence
    (first, nothing, _), (second, parcels, _) = cluster.sent
    assert (first.mark is None, nothing) == (False, None)
    assert second.mark is None
    assert len(parcels) == 1


def test_a_blind_node_is_an_error_where_the_store_is_said_to_be_shared(tmp_path: Path) -> None:
    (sentence,) = run(tmp_path, Script([BLIND]), store="shared")
    assert sentence == f"its node does not see {tmp_path}"


def test_what_no_node_has_is_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"asks for 1 cores, 8 GPUs and 0 GB .*resources\.ddpm"):
        run(tmp_path, Script(room=0), resources={"ddpm": Resources(gpus=8)})


@pytest.mark.parametrize(
    ("device", "asked", "gpus"), [("auto", None, 1.0), ("cpu", None, 0.0), ("auto", 0.5, 0.5)]
)
def test_a_task_gets_a_gpu_or_the_share_that_it_asks_for(
    device: str, asked: float | None, gpus: float, tmp_path: Path
) -> None:
    cluster = Script([started("one"), DONE])
    resources = {"default": Resources(cpus=3), "ddpm": Resources(gpus=asked)}
    assert run(tmp_path, cluster, device=device, resources=resources) == []
    assignment, _, given = cluster.sent[0]
    assert (given.cpus, given.gpus, assignment.gpus) == (3, gpus, gpus)


def test_resources_of_a_method_lie_over_those_of_all() -> None:
    table = {"default": Resources(cpus=2, memory_gb=8), "ddpm": Resources(gpus=1, cpus=4)}
    assert resources_of(table, "ddpm") == Resources(cpus=4, gpus=1, memory_gb=8)
    assert resources_of(table, "moco") == resources_of(table, None) == table["default"]
    assert resources_of({}, "moco") == Resources()


def assignment(tmp_path: Path, **changes: Any) -> Assignment:
    order = Order(task=TASK, store=tmp_path, device="cpu", precision="float32", threads=1)
    plain = Assignment(order.model_dump_json(), code_digest(), "mark", 0, Limits())
    return replace(plain, **changes)


def test_a_node_with_other_code_does_nothing_and_says_where_it_lies(tmp_path: Path) -> None:
    (line,) = work(assignment(tmp_path, code="0" * 12), None)
    assert "another version of this software at" in json.loads(line)["failure"]["sentence"]


def test_a_node_that_does_not_find_the_mark_says_that_it_is_blind(tmp_path: Path) -> None:
    assert list(work(assignment(tmp_path), None)) == [BLIND]
    assert list(work(assignment(tmp_path, mark=None), None)) == [BLIND]


def test_the_digest_of_the_code_covers_the_plugin_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    before = code_digest()
    read = Path.read_bytes
    changed: list[str] = []

    def other(path: Path) -> bytes:
        if path.name == "ddpm.py":
            changed.append(path.name)
            return b"# changed"
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", other)
    code_digest.cache_clear()
    assert code_digest() != before
    assert changed
    monkeypatch.undo()
    code_digest.cache_clear()
    assert code_digest() == before


def test_ray_s_client_protocol_is_refused_with_the_way_out() -> None:
    with pytest.raises(UsageError, match="on a node of the cluster"):
        Cluster("ray://head:10001")
