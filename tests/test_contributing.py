"""The method that CONTRIBUTING.md shows is complete: it loads, takes its option and trains."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmark.plugins import Method
from benchmark.registry import Registry


@pytest.fixture
def methods(repository: Path, tmp_path: Path) -> Registry[Method]:
    text = (repository / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    file = tmp_path / "denoising.py"
    file.write_text(example, encoding="utf-8")
    registry = Registry[Method]("method")
    registry.add_file(file)
    return registry


def test_the_example_method_is_listed_and_takes_its_option(methods: Registry[Method]) -> None:
    assert "denoising" in methods.names()
    options = methods.create("denoising[sigma=0.3]").options
    assert options.model_dump() == {"sigma": 0.3}


def test_the_example_method_is_in_the_format_of_the_repository(
    methods: Registry[Method], repository: Path
) -> None:
    pytest.importorskip("ruff")
    (entry,) = (entry for entry in methods.entries() if entry.name == "denoising")
    for verb in (["check"], ["format", "--check"]):
        subprocess.run(
            [
                sys.executable, "-m", "ruff", *verb, "--quiet", "--no-cache",
                "--config", str(repository / "pyproject.toml"), str(entry.path),
            ],
            check=True,
        )  # fmt: skip


def test_the_example_method_lowers_its_loss_and_changes_encoder_and_decoder(
    methods: Registry[Method], tmp_path: Path
) -> None:
    torch = pytest.importorskip("torch")
    from benchmark.backbones import build, parse_backbone
    from benchmark.training import Trainer
    from benchmark.unlabelled import UnlabelledImages

    device = torch.device("cpu")
    torch.manual_seed(0)
    backbone = build(parse_backbone("unet[channels=16-32]"))
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    ramp = np.linspace(0, 255, 32, dtype=np.uint8)
    pixels = np.stack([np.roll(np.tile(ramp, (32, 1)), shift, axis=1) for shift in range(8)])
    trainer = Trainer(
        steps=40,
        batch_size=4,
        device=device,
        precision=torch.float32,
        generator=torch.Generator(device).manual_seed(0),
        folder=tmp_path,
    )
    methods.create("denoising").pretrain(backbone, UnlabelledImages(pixels, device), trainer)
    assert trainer.history is not None
    assert trainer.history.last() < 0.7 * trainer.history.first()
    after = backbone.state_dict()
    changed = {backbone.part_of(n) for n in before if not torch.equal(before[n], after[n])}
    assert changed == {"encoder", "decoder"}
