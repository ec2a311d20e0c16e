"""torchvision and what stands on it import beside any build of torch, and cheaply."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmark import torchvision_hook
from benchmark.torchvision_hook import TorchvisionFinder


def run(code: str, folder: Path) -> str:
    """Run code in a fresh interpreter in the given folder and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_the_package_imports_none_of_the_heavy_libraries(repository: Path) -> None:
    heavy = {"torch", "torchvision", "numpy", "pandas", "scipy", "matplotlib", "PIL", "timm"}
    loaded = run("import benchmark, sys; print(*sys.modules)", repository).split()
    assert heavy.isdisjoint(loaded)


def test_the_libraries_that_need_torchvision_import_and_no_hook_is_left_on_the_module(
    repository: Path,
) -> None:
    code = """
import benchmark
import timm, segmentation_models_pytorch
from lightly.loss import NTXentLoss
from diffusers import UNet2DModel
import torch, torchvision
from torchvision import _meta_registrations as module
assert torch.ops.torchvision.nms and torch.ops.torchvision.qnms
assert type(module.__loader__).__name__ == type(module.__spec__.loader).__name__
print(type(module.__loader__).__name__)
print(torch.library.opcheck.__name__, timm.create_model("resnet18", pretrained=False).num_classes)
"""
    assert run(code, repository).splitlines() == ["SourceFileLoader", "opcheck 1000"]


def test_nothing_is_declared_a_second_time() -> None:
    pytest.importorskip("torchvision")
    assert torchvision_hook.declare_missing_operators() == ()


@pytest.mark.parametrize("build", ["cuda", "hip"])
def test_a_torch_with_a_gpu_is_left_alone(build: str, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.version, build, "13.0")
    monkeypatch.setattr(torchvision_hook, "_OPERATORS", ("an_operator_that_is_not_there",))
    assert torchvision_hook.declare_missing_operators() == ()
    assert not hasattr(torch.ops.torchvision, "an_operator_that_is_not_there")


def test_on_a_torch_without_a_gpu_a_missing_operator_is_declared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(torchvision_hook, "_OPERATORS", ("an_operator_of_this_test",))
    assert torchvision_hook.declare_missing_operators() == ("an_operator_of_this_test",)
    assert hasattr(torch.ops.torchvision, "an_operator_of_this_test")


def test_installing_twice_leaves_one_finder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    torchvision_hook.install()
    torchvision_hook.install()
    assert sum(isinstance(finder, TorchvisionFinder) for finder in sys.meta_path) == 1


def test_the_finder_has_no_say_in_any_other_import() -> None:
    finder = TorchvisionFinder()
    assert finder.find_spec("torchvision", None) is None
    assert finder.find_spec("torchvision.ops", None) is None
    assert finder.find_spec("_meta_registrations", None) is None


def test_an_absent_torchvision_stays_absent(repository: Path, tmp_path: Path) -> None:
    assert TorchvisionFinder().find_spec(torchvision_hook._MODULE, [str(tmp_path)]) is None


def test_a_checkout_whose_links_arrived_as_text_files_says_so_in_one_line(
    repository: Path, tmp_path: Path
) -> None:
    package = tmp_path / "benchmark"
    package.mkdir()
    for name in ("__init__.py", "torchvision_hook.py"):
        (package / name).write_text((repository / "benchmark" / name).read_text())
    for name in ("methods", "datasets", "reports"):
        (package / name).write_text(f"../{name}")
    done = subprocess.run(
        [sys.executable, "-m", "benchmark", "--help"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode != 0
    assert len(done.stderr.strip().splitlines()) == 1
    assert "core.symlinks" in done.stderr
    assert "Traceback" not in done.stderr
