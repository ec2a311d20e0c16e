"""Weights from a file: every kind and every way of naming, and no pickle is ever run."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from benchmark.backbones import parse_backbone
from benchmark.errors import UsageError
from benchmark.methods._weight_files import read_tensors
from benchmark.registry import registry
from benchmark.store import Store
from benchmark.weights import initial_backbone, save_parts

if TYPE_CHECKING:
    from benchmark.plugins import Part
    from tests.conftest import CommandLine
    from tests.methods.conftest import Pretrained

    Pretrain = Callable[..., Pretrained]

TIMM = "timm/resnet10t[decoder_channels=32-24-16-16]"
UNET = "unet[channels=16-32-64,patch=2]"
STEM = "conv1.0.weight"


@pytest.fixture(scope="module")
def donor() -> nn.Module:
    """A colour classifier of timm's, with statistics as if it had been trained."""
    torch.manual_seed(7)
    network = timm.create_model("resnet10t")
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d) and module.running_mean is not None:
            module.running_mean.normal_(std=0.1)
    return network.eval()


def encoder_of(done: Pretrained) -> dict[str, Tensor]:
    """The tensors of a timm encoder under timm's names."""
    return done.backbone.get_submodule("encoder.model").state_dict()


def loaded(done: Pretrained, donor: nn.Module) -> set[str]:
    """Names of the encoder's tensors that are the donor's, bit by bit."""
    theirs = donor.state_dict()
    ours = encoder_of(done)
    return {name for name in ours if torch.equal(ours[name], theirs[name])}


def query_and_key(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The names of MoCo's release; the key encoder holds something else."""
    key = {f"module.encoder_k.{name}": tensor + 1 for name, tensor in state.items()}
    return key | {f"module.encoder_q.{name}": tensor for name, tensor in state.items()}


WAYS: dict[str, Callable[[dict[str, Tensor]], Any]] = {
    "alone": lambda state: state,
    "nested": lambda state: {"epoch": 3, "state_dict": state, "note": "text", "list": [1, 2]},
    "parallel": lambda state: {"model": {f"module.{n}": t for n, t in state.items()}},
    "compiled": lambda state: {f"_orig_mod.backbone.{n}": t for n, t in state.items()},
    "lightning": lambda state: {"state_dict": {f"model.encoder.{n}": t for n, t in state.items()}},
    "moco": lambda state: {"state_dict": query_and_key(state)},
    "dino": lambda state: {
        "student": {f"backbone.{n}": t + 1 for n, t in state.items()},
        "teacher": {f"backbone.{n}": t for n, t in state.items()},
    },
    "of a name nobody thought of": lambda state: {f"my.net.{n}": t for n, t in state.items()},
    "half": lambda state: {n: t for n, t in state.items() if not n.endswith("batches_tracked")},
    "with its optimiser": lambda state: {
        "network": state,
        "optimizer": {"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 0.1}]},
    },
}


@pytest.mark.parametrize("way", WAYS)
def test_an_encoder_is_found_however_it_was_saved(
    pretrain: Pretrain, donor: nn.Module, tmp_path: Path, way: str
) -> None:
    torch.save(WAYS[way](donor.state_dict()), tmp_path / "weights.pth")
    done = pretrain(f"checkpoint[file={tmp_path}/weights.pth]", 1, TIMM)
    # Folding changes the first convolution and takes the constant off the mean behind it.
    assert set(encoder_of(done)) - loaded(done, donor) == {STEM, "conv1.1.running_mean"}
    assert done.changed_parts() == {"encoder"}
    metrics = done.trainer.metrics
    assert metrics["encoder_matched"] == metrics["encoder_total"]


def test_the_part_that_is_asked_for_is_taken(
    pretrain: Pretrain, donor: nn.Module, tmp_path: Path
) -> None:
    torch.save(WAYS["dino"](donor.state_dict()), tmp_path / "weights.pth")
    done = pretrain(f"checkpoint[file={tmp_path}/weights.pth,prefix=student]", 1, TIMM)
    expected = donor.state_dict()["layer1.0.conv1.weight"] + 1
    assert torch.equal(encoder_of(done)["layer1.0.conv1.weight"], expected)
    assert done.trainer.metrics["file_prefix"] == "student.backbone."


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_safetensors_are_read_in_any_precision(
    pretrain: Pretrain, donor: nn.Module, tmp_path: Path, dtype: torch.dtype
) -> None:
    state = {name: tensor.to(dtype) for name, tensor in donor.state_dict().items()}
    save_file(state, tmp_path / "weights.safetensors")
    done = pretrain(f"checkpoint[file={tmp_path}/weights.safetensors]", 1, TIMM)
    ours = encoder_of(done)["layer4.0.conv2.weight"]
    assert ours.dtype == torch.float32
    assert torch.equal(ours, state["layer4.0.conv2.weight"].float())


@pytest.mark.parametrize("backbone", [UNET, TIMM])
def test_a_whole_backbone_as_the_store_keeps_it_loads_in_every_tensor(
    pretrain: Pretrain, tmp_path: Path, backbone: str
) -> None:
    other = pretrain("scratch", 1, backbone, seed=1).backbone
    save_parts(other, frozenset({"encoder", "decoder"}), tmp_path / "backbone.safetensors")
    done = pretrain(f"checkpoint[file={tmp_path}/backbone.safetensors]", 1, backbone)
    after = done.backbone.state_dict()
    assert all(torch.equal(tensor, after[name]) for name, tensor in other.state_dict().items())
    metrics = done.trainer.metrics
    assert metrics["matched"] == metrics["total"] == len(after)
    assert (metrics["unmatched_here"], metrics["unmatched_in_file"]) == (0, 0)


def test_names_that_timm_flattens_for_features_are_paired(
    pretrain: Pretrain, tmp_path: Path
) -> None:
    name = "densenet121"
    donor = timm.create_model(name)
    torch.save(donor.state_dict(), tmp_path / "weights.pth")
    done = pretrain(f"checkpoint[file={tmp_path}/weights.pth]", 1, f"timm/{name}")
    block = "denseblock1.denselayer1.conv1.weight"
    theirs = donor.state_dict()[f"features.{block}"]
    assert torch.equal(encoder_of(done)[f"features_{block}"], theirs)


def test_a_grey_image_gives_the_features_of_the_colour_network(
    pretrain: Pretrain, donor: nn.Module, tmp_path: Path
) -> None:
    """With ImageNet's normalisation, whose mean is not in the middle: away from the border."""
    torch.save(donor.state_dict(), tmp_path / "weights.pth")
    grey = pretrain(f"checkpoint[file={tmp_path}/weights.pth]", 1, TIMM).backbone.eval()
    colour = timm.create_model("resnet10t", features_only=True, out_indices=(0, 1)).eval()
    colour.load_state_dict(donor.state_dict(), strict=False)
    images = torch.rand(2, 1, 64, 64) * 2 - 1
    mean = torch.tensor((0.485, 0.456, 0.406)).view(1, 3, 1, 1)
    std = torch.tensor((0.229, 0.224, 0.225)).view(1, 3, 1, 1)
    with torch.no_grad():
        expected = colour(((images + 1) / 2 - mean) / std)
        found = grey.encode(images)[1:3]
    for ours, theirs in zip(found, expected, strict=True):
        inner = slice(5, -5)
        assert torch.allclose(ours[..., inner, inner], theirs[..., inner, inner], atol=1e-4)


def test_a_bias_takes_up_the_constant_that_folding_leaves(
    pretrain: Pretrain, tmp_path: Path
) -> None:
    torch.manual_seed(3)
    other = pretrain("scratch", 1, "unet[channels=16-32,patch=1]", seed=1).backbone
    state = dict(other.state_dict())
    colour = torch.randn(16, 3, 3, 3)
    state["network.conv_in.weight"] = colour
    save_file(state, tmp_path / "rgb.safetensors")
    options = f"file={tmp_path}/rgb.safetensors,rgb_mean=[0.2,0.3,0.4],rgb_std=[0.1,0.2,0.3]"
    network = pretrain(f"checkpoint[{options}]", 1, "unet[channels=16-32,patch=1]").backbone
    images = torch.rand(1, 1, 8, 8) * 2 - 1
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in ((0.2, 0.3, 0.4), (0.1, 0.2, 0.3)))
    stem: Any = network.get_submodule("network.conv_in")
    with torch.no_grad():
        bias = state["network.conv_in.bias"]
        expected = torch.conv2d(((images + 1) / 2 - mean) / std, colour, bias)
        found = torch.conv2d(images, stem.weight, stem.bias)
    assert torch.allclose(found, expected, atol=1e-4)


def test_the_report_lists_every_tensor_of_both_sides(
    pretrain: Pretrain, donor: nn.Module, tmp_path: Path
) -> None:
    state = donor.state_dict()
    state["layer4.0.bn1.weight"] = torch.ones(3)
    del state["layer4.0.bn1.bias"]
    torch.save(state, tmp_path / "weights.pth")
    done = pretrain(f"checkpoint[file={tmp_path}/weights.pth]", 1, TIMM)
    text = (done.folder / "tensors.txt").read_text()
    blocks = {block.partition(":")[0]: block for block in text.split("\n\n")}
    assert f"encoder.model.{STEM}" in blocks["loaded"]
    assert "RGB folded to grey" in blocks["loaded"]
    assert (
        "layer4.0.bn1.weight 512 <- layer4.0.bn1.weight 3" in blocks["of another shape, not loaded"]
    )
    assert "encoder.model.layer4.0.bn1.bias 512" in blocks["not in the file"]
    assert "decoder.blocks.0" in blocks["not in the file"]
    assert "fc.weight 1000x512" in blocks["in the file only"]
    names = [*done.backbone.state_dict(), *state]
    assert all(name in text for name in names)
    metrics: dict[str, Any] = done.trainer.metrics
    assert metrics["matched"] == blocks["loaded"].count("<-")
    assert metrics["unmatched_here"] == metrics["total"] - metrics["matched"]
    assert metrics["unmatched_in_file"] == len(state) - metrics["matched"]


def test_weights_of_another_network_are_refused_with_counts_and_names_of_both_sides(
    pretrain: Pretrain, donor: nn.Module, tmp_path: Path
) -> None:
    torch.save(donor.state_dict(), tmp_path / "weights.pth")
    with pytest.raises(UsageError) as caught:
        pretrain(f"checkpoint[file={tmp_path}/weights.pth]", 1, UNET)
    text = str(caught.value)
    assert "\n" not in text
    for words in ("weights.pth holds 0", "of unet", "network.conv_in.weight", STEM, "--backbones"):
        assert words in text


def test_how_much_must_match_can_be_chosen(
    pretrain: Pretrain, donor: nn.Module, tmp_path: Path
) -> None:
    state = {n: t for n, t in donor.state_dict().items() if not n.startswith("layer4")}
    torch.save(state, tmp_path / "weights.pth")
    spec = f"checkpoint[file={tmp_path}/weights.pth"
    with pytest.raises(UsageError, match="fewer than least_match=0.9"):
        pretrain(f"{spec}]", 1, TIMM)
    metrics: dict[str, Any] = pretrain(f"{spec},least_match=0.5]", 1, TIMM).trainer.metrics
    assert 0.5 < metrics["encoder_matched"] / metrics["encoder_total"] < 0.9


def test_weights_of_a_training_that_diverged_are_refused(
    pretrain: Pretrain, donor: nn.Module, tmp_path: Path
) -> None:
    state = donor.state_dict() | {"bn1.bias": torch.full((64,), float("nan"))}
    torch.save(state | {STEM: state[STEM] * float("nan")}, tmp_path / "weights.pth")
    with pytest.raises(UsageError, match=r"conv1\.0\.weight in .* holds NaN"):
        pretrain(f"checkpoint[file={tmp_path}/weights.pth]", 1, TIMM)


class Evil:
    """Writes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


def _whole_module(path: Path, evil: Evil) -> None:
    torch.save({"state_dict": {"a": torch.ones(1)}, "config": evil}, path)


def _legacy(path: Path, evil: Evil) -> None:
    torch.save({"a": torch.ones(1), "b": evil}, path, _use_new_zipfile_serialization=False)


def _plain(path: Path, evil: Evil) -> None:
    path.write_bytes(pickle.dumps({"a": torch.ones(1), "b": evil}))


def _called_pickle(path: Path, evil: Evil) -> None:
    torch.save({"a": torch.ones(1)}, path)


@pytest.mark.parametrize(
    ("write", "name"),
    [
        (_whole_module, "w.pth"),
        (_legacy, "w.pt"),
        (_plain, "w.bin"),
        (_plain, "w.safetensors"),
        (_called_pickle, "w.pkl"),
    ],
)
def test_what_could_run_code_is_refused_unread_and_the_mend_is_named(
    tmp_path: Path, write: Callable[[Path, Evil], None], name: str
) -> None:
    mark = tmp_path / "ran"
    write(tmp_path / name, Evil(mark))
    with pytest.raises(UsageError, match=r"can run code.*refused.*save_file") as caught:
        read_tensors(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert not mark.exists()
    if write is not _whole_module:
        with pytest.raises(UsageError, match=r"file=.* will not do, it is neither safetensors"):
            registry("method").options(f"checkpoint[file={tmp_path / name}]")


def test_a_damaged_file_and_one_without_tensors_are_told_apart(tmp_path: Path) -> None:
    save_file({"a": torch.ones(100)}, tmp_path / "cut.safetensors")
    whole = (tmp_path / "cut.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[:-10])
    torch.save({"a": torch.ones(100)}, tmp_path / "cut.pth")
    (tmp_path / "cut.pth").write_bytes((tmp_path / "cut.pth").read_bytes()[:-200])
    torch.save({"epoch": 3}, tmp_path / "empty.pth")
    with pytest.raises(UsageError, match="is damaged"):
        read_tensors(tmp_path / "cut.safetensors")
    with pytest.raises(UsageError, match="cannot be read as a state dict"):
        read_tensors(tmp_path / "cut.pth")
    with pytest.raises(UsageError, match="holds no tensors"):
        read_tensors(tmp_path / "empty.pth")


def test_the_file_must_be_given_and_be_there(tmp_path: Path) -> None:
    methods = registry("method")
    for spec, words in (
        ("checkpoint", r"needs file: write checkpoint\[file=\.\.\.\]"),
        ("checkpoint[fil=x]", "did you mean 'file'"),
        (f"checkpoint[file={tmp_path}/gone.pth]", "gone.pth will not do, there is no such file"),
        (f"checkpoint[file={tmp_path}]", "will not do, there is no such file"),
    ):
        with pytest.raises(UsageError, match=words) as caught:
            methods.options(spec)
        assert "\n" not in str(caught.value)


def test_a_run_takes_weights_of_a_store_and_of_timm_from_the_command_line(
    command_line: CommandLine, donor: nn.Module, tmp_path: Path
) -> None:
    """Both at once; a part that the file lacks is left to each seed."""
    other = initial_backbone(parse_backbone("timm/resnet10t[decoder_channels=32-24-16-16]"), 1)
    both: frozenset[Part] = frozenset({"encoder", "decoder"})
    save_parts(other, both, tmp_path / "backbone.safetensors")
    torch.save(donor.state_dict(), tmp_path / "weights.pth")

    files = (tmp_path / "backbone.safetensors", tmp_path / "weights.pth")
    methods = ",".join(f"checkpoint[file={file}]" for file in files)
    done = command_line.tiny_run(
        tmp_path / "runs", "--methods", methods, "--backbones", "timm/resnet10t"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("Weights from a file") >= 2
    parts = {}
    for record in Store(tmp_path / "runs").pretrainings():
        folder = tmp_path / "runs" / "pretrained" / record.key
        assert (folder / "tensors.txt").exists()
        kept = load_file(folder / "backbone.safetensors")
        parts[record.metrics["source"]] = {other.part_of(name) for name in kept}
    assert parts == {"backbone.safetensors": {"encoder", "decoder"}, "weights.pth": {"encoder"}}


def test_list_and_info_know_that_the_file_is_required(command_line: CommandLine) -> None:
    assert "checkpoint" in command_line("list", "methods").stdout
    lines = command_line("info", "checkpoint").stdout.splitlines()
    assert any(line.split()[:2] == ["file", "required"] for line in lines)
