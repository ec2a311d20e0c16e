"""The same grid on three Ray nodes of which one dies, and as jobs: what the local engine gives."""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmark import registry as registry_module
from benchmark.engines.base import Silent
from benchmark.engines.launching import Started, parse
from benchmark.engines.limits import Limits
from benchmark.engines.nodes import Assignment, code_digest
from benchmark.engines.options import Resources
from benchmark.engines.ray_cluster import CancelledError, Cluster
from benchmark.planning import make_plan
from benchmark.store import Store
from benchmark.tasks import READING, Task, outstanding
from benchmark.worker import Order
from tests.engines.small_grid import compute, request

pytestmark = pytest.mark.slow

SLEEPER = '''
"""A method that hangs."""

import os
import time
from pathlib import Path

from benchmark.plugins import Method


class Sleeper(Method):
    """Says which process it is, and sleeps."""

    name = "sleeper"
    title = "Sleeper"
    family = "other"
    citation = "none"
    trains = frozenset({"encoder"})
    pretraining_data = "elsewhere"

    def pretrain(self, backbone, images, trainer):
        Path("PLACE").write_text(str(os.getpid()))
        time.sleep(600)
'''


class Nodes:
    """Three Ray nodes with a core each, on three addresses of this machine."""

    def __init__(self) -> None:
        machines: Any = importlib.import_module("ray.cluster_utils")
        room: dict[str, Any] = {"num_cpus": 1, "object_store_memory": 80 * 1024**2}
        head = room | {"node_ip_address": "127.0.0.2", "include_dashboard": False}
        self.machines = machines.Cluster(initialize_head=True, head_node_args=head)
        self.others = [
            self.machines.add_node(node_ip_address=f"127.0.0.{number}", **room) for number in (3, 4)
        ]

    @property
    def address(self) -> str:
        """Of the head."""
        return str(self.machines.address)

    def kill_one(self) -> None:
        """Kill all processes of the last node."""
        self.machines.remove_node(self.others.pop(), allow_graceful=False)


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    pytest.importorskip("ray")
    found = Nodes()
    yield found
    importlib.import_module("ray").shutdown()
    found.machines.shutdown()


class Killing(Silent):
    """Does something once three tasks have begun on nodes, and keeps what it was told."""

    def __init__(self, act: Callable[[], None]) -> None:
        self.act, self.begun = act, 0
        self.sentences: list[str] = []

    def started(self, task: Task) -> None:
        """Count; with three on three nodes of one core, each node is at work."""
        self.begun += task.kind not in READING
        if self.begun == 3:
            self.act()

    def told(self, sentence: str) -> None:
        """Keep it."""
        self.sentences.append(sentence)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Store:
    """What the local engine gives."""
    config = request(tmp_path_factory.mktemp("local"), repository)
    assert compute(config, Silent()).failed == []
    return Store(config.output)


def ensure_same(store: Store, local: Store, cells: int) -> None:
    """Every cell is done, once, with the local engine's predictions; nothing else is left."""
    assert [cell.status for cell in store.cells()] == ["done"] * cells
    for cell in store.cells():
        pd.testing.assert_frame_equal(store.predictions(cell.key), local.predictions(cell.key))
        reference = local.cell(cell.key)
        assert reference is not None
        assert cell.metrics == reference.metrics
        assert cell.environment in store.environments()
    assert list(store.root.rglob(".*")) == []
    assert not (store.root / "jobs").exists()


def test_three_ray_nodes_of_which_one_is_killed_give_what_the_local_engine_gives(
    nodes: Nodes, local: Store, tmp_path: Path, repository: Path
) -> None:
    config = request(tmp_path, repository, engine="ray", address=nodes.address)
    display = Killing(nodes.kill_one)
    outcome = compute(config, display)
    assert [failure.sentence for _, failure in outcome.failed] == []
    assert any("its node is lost" in sentence for sentence in display.sentences)
    ensure_same(Store(tmp_path), local, cells=4)


def test_nodes_that_do_not_see_the_store_are_sent_the_data_and_send_the_results(
    nodes: Nodes, local: Store, tmp_path: Path, repository: Path
) -> None:
    asked = {"engine": "ray", "address": nodes.address, "ray": {"store": "sent"}}
    outcome = compute(request(tmp_path, repository, shots="5", **asked), Silent())
    assert [failure.sentence for _, failure in outcome.failed] == []
    ensure_same(Store(tmp_path), local, cells=2)
    assert not any((tmp_path / "leases").iterdir())


@pytest.fixture
def own_registries() -> Iterator[None]:
    """Registries that are made anew afterwards, so that no later test finds this one's plugin."""
    yield
    registry_module._shared.cache_clear()


@pytest.mark.usefixtures("own_registries")
def test_a_task_that_hangs_on_a_node_is_cancelled_with_its_process(
    nodes: Nodes, tmp_path: Path, repository: Path
) -> None:
    plugin = tmp_path / "sleeper.py"
    plugin.write_text(SLEEPER.replace("PLACE", str(tmp_path / "pid")))
    config = request(tmp_path / "runs", repository, methods="sleeper", plugins=(str(plugin),))
    work = outstanding(make_plan(config), Store(config.output), config.preset, 1, mend=False)
    (task,) = [task for task in work.tasks if task.kind == "pretrain"]
    order = Order(
        task=task,
        store=config.output,
        device="cpu",
        precision="float32",
        threads=1,
        plugins=config.plugins,
    )
    (config.output / "mark").parent.mkdir()
    (config.output / "mark").touch()
    assignment = Assignment(order.model_dump_json(), code_digest(), "mark", 0, Limits())
    cluster = Cluster(nodes.address)
    handle = cluster.submit(assignment, None, Resources(cpus=1))
    assert isinstance(parse(str(cluster.hear(handle))), Started)
    pid = wait_for(lambda: int((tmp_path / "pid").read_text() or "x"), 120)
    cluster.cancel(handle)
    with pytest.raises(CancelledError):
        list(iter(lambda: cluster.hear(handle), None))
    wait_for(lambda: None if Path(f"/proc/{pid}").exists() else 1, 60)


def wait_for(found: Callable[[], int | None], seconds: float) -> int:
    """Ask until there is an answer."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            answer = found()
        except (OSError, ValueError):
            answer = None
        if answer is not None:
            return answer
        time.sleep(0.2)
    raise AssertionError("nothing came")


def test_jobs_of_submitit_give_what_the_local_engine_gives(
    local: Store, tmp_path: Path, repository: Path
) -> None:
    pytest.importorskip("submitit")
    config = request(tmp_path, repository, engine="slurm", slurm={"cluster": "local"})
    outcome = compute(config, Silent())
    assert [failure.sentence for _, failure in outcome.failed] == []
    ensure_same(Store(tmp_path), local, cells=4)
