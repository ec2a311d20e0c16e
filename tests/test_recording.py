"""Recorded functions: the same numbers as unrecorded ones, on a GPU alone, and never on a CPU."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from benchmark.backbones import build, parse_backbone
from benchmark.backbones.base import Detector
from benchmark.errors import BenchmarkError
from benchmark.finetune import Shots, finetune
from benchmark.protocol import ProtocolConfig
from benchmark.recording import SWITCH, WARM_UP, Recorded, Recorder

on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="this torch sees no GPU")


def test_on_a_cpu_nothing_is_recorded() -> None:
    def function() -> None: ...

    assert Recorder(torch.device("cpu"))(function) is function
    assert Recorder()(function) is function


def test_the_user_can_say_no(monkeypatch: pytest.MonkeyPatch) -> None:
    def function() -> None: ...

    monkeypatch.setenv(SWITCH, "0")
    assert Recorder(torch.device("cuda"))(function) is function


@on_gpu
def test_random_numbers_go_on_as_without_a_recording() -> None:
    def numbers(recorded: bool) -> list[float]:
        random = torch.Generator("cuda").manual_seed(0)

        def draw(scale: Tensor) -> Tensor:
            return torch.rand(3, generator=random, device="cuda") * scale

        call = Recorded(draw, [random]) if recorded else draw
        scales = torch.arange(2 * WARM_UP + 2, device="cuda")
        return [value for scale in scales for value in call(scale).tolist()]

    assert numbers(recorded=True) == numbers(recorded=False)


@on_gpu
def test_what_reads_a_value_back_cannot_be_recorded_and_the_sentence_says_what_to_do() -> None:
    call = Recorded(lambda x: x * float(x.sum()))
    for _ in range(WARM_UP):
        call(torch.ones(2, device="cuda"))
    with pytest.raises(BenchmarkError, match=SWITCH):
        call(torch.ones(2, device="cuda"))


@on_gpu
@pytest.mark.parametrize("name", ["unet[channels=16-32,patch=2]", "timm/resnet10t"])
def test_a_recorded_fine_tuning_has_the_losses_of_an_unrecorded_one(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def losses(switch: str) -> list[float]:
        monkeypatch.setenv(SWITCH, switch)
        torch.manual_seed(0)
        detector = Detector(build(parse_backbone(name)), 3).cuda()
        random = torch.Generator().manual_seed(0)
        pixels = torch.randint(0, 255, (6, 64, 64), generator=random, dtype=torch.uint8)
        points = 8 + 48 * torch.rand(6, 3, 2, generator=random)
        shots = Shots(pixels.cuda(), points.cuda())
        return finetune(detector, shots, ProtocolConfig(batch_size=4), steps=12, seed=0).loss

    assert losses("1") == losses("0")
