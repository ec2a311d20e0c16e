"""Weights from a file of the user's own: safetensors, or a state dict that torch has saved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, FilePath, field_validator

from benchmark.errors import UsageError
from benchmark.methods._foreign_weights import Colours, Match, match, put
from benchmark.methods._weight_files import pickle_problem, read_tensors
from benchmark.plugins import Method, PluginOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from benchmark.backbones.base import Backbone
    from benchmark.training import Trainer
    from benchmark.unlabelled import UnlabelledImages

Triple = tuple[float, float, float]


class CheckpointOptions(PluginOptions):
    """Options of the method ``checkpoint``."""

    file: FilePath = Field(
        description="The weights: .safetensors, or a state dict from torch.save (.pth, .pt, .bin). "
        "What counts for the result is the file's content, not where it lies."
    )
    prefix: str | None = Field(
        None,
        description="Take only names of the file that begin so, such as 'student.' where a teacher "
        "is in it too; by default those of which most tensors match.",
    )
    least_match: float = Field(
        0.9,
        ge=0,
        le=1,
        description="Share of the encoder's tensors that the file must hold by name and shape: "
        "with fewer it is likely to belong to another network.",
    )
    rgb_mean: Triple = Field(
        (0.485, 0.456, 0.406),
        description="Mean of the colour channels in [0, 1] that the weights' network took off its "
        "input; ImageNet's, as torchvision and timm mostly have it. Used for RGB weights alone.",
    )
    rgb_std: Triple = Field(
        (0.229, 0.224, 0.225),
        description="Standard deviation that it divided by; 0.5 with mean 0.5 for a network that "
        "took [-1, 1].",
    )

    @field_validator("file", mode="before")
    @classmethod
    def _from_home(cls, value: Any) -> Any:
        """``~`` is not expanded by a shell inside brackets."""
        return Path(value).expanduser() if isinstance(value, (str, Path)) else value

    @field_validator("file")
    @classmethod
    def _no_pickle(cls, value: Path) -> Path:
        """Refuse before the run what could not be read in it."""
        try:
            problem = pickle_problem(value)
        except OSError as error:
            raise ValueError(f"it cannot be read ({error.strerror})") from error
        if problem:
            raise ValueError(f"it {problem}")
        return value

    @field_validator("rgb_std")
    @classmethod
    def _above_zero(cls, value: Triple) -> Triple:
        if min(value) <= 0:
            raise ValueError("each of the three must be above 0")
        return value


class Checkpoint(Method):
    """Weights from a local file, matched to the network by name and shape.

    The file may hold the backbone as this software writes it (``backbone.safetensors`` of a
    store), the encoder alone under timm's names, or either behind any prefixes and inside nested
    dictionaries, as training code saves it (``state_dict``, ``module.``, ``encoder_q.``,
    ``teacher.``). Which tensors matched is kept in ``tensors.txt`` beside the weights. A pickle
    is refused, because reading it can run code.

    A first convolution over RGB is folded to grey on the assumption that its network took
    ``(x - rgb_mean) / rgb_std`` for x in [0, 1]. Parts of which the file holds nothing stay as
    random as each seed has them.
    """

    name = "checkpoint"
    title = "Weights from a file"
    family = "weights"
    citation = "the user's own file"
    licence = "that of the file"
    trains = frozenset({"encoder", "decoder"})
    pretraining_data = "elsewhere"
    Options = CheckpointOptions
    options: CheckpointOptions

    def pretrain(self, backbone: Backbone, images: UnlabelledImages, trainer: Trainer) -> None:
        """Load what matches.

        Raises:
            UsageError: The file cannot be read, or too little of the encoder is in it.
        """
        source = read_tensors(self.options.file)
        found = match(source, backbone, self.options.prefix)
        encoder = [name for name in _counted(backbone) if backbone.part_of(name) == "encoder"]
        matched = sum(name in found.pairs for name in encoder)
        if not matched or matched < self.options.least_match * len(encoder):
            raise UsageError(self._too_few(found, backbone, matched, encoder))
        tensors = {ours: source[theirs] for ours, theirs in found.pairs.items()}
        _check_finite(tensors, self.options.file)
        colours = Colours(self.options.rgb_mean, self.options.rgb_std)
        folded = put(backbone, tensors, colours)
        trainer.note(
            source=self.options.file.name,
            matched=len(found.pairs),
            total=len(backbone.state_dict()),
            encoder_matched=matched,
            encoder_total=len(encoder),
            unmatched_here=len(found.missing) + len(found.reshaped),
            unmatched_in_file=len(found.left) + len(found.reshaped),
            file_prefix=found.outer,
            backbone_prefix=found.inner,
            folded_to_grey=", ".join(folded) or "none",
        )
        trainer.keep_text("tensors", _report(found, source, backbone, folded))

    def _too_few(
        self, found: Match, backbone: Backbone, matched: int, encoder: Sequence[str]
    ) -> str:
        network = getattr(backbone, "encoder_name", "unet")
        lacking = [name for name in encoder if name not in found.pairs]
        beside = [*found.reshaped.values(), *found.left]
        return (
            f"checkpoint: of the {len(encoder)} tensors of the encoder of {network}, "
            f"{self.options.file} holds {matched} by name and shape, fewer than "
            f"least_match={self.options.least_match:g} asks for; the network's {_first(lacking)} "
            f"have no partner, nor have the file's {_first(beside)}: name the network that the "
            "weights were made for with --backbones, or lower least_match"
        )


def _counted(backbone: Backbone) -> list[str]:
    """Names of the tensors that matter; old files lack the counters of batch normalisation."""
    return [name for name in backbone.state_dict() if not name.endswith("num_batches_tracked")]


def _first(names: Sequence[str], count: int = 3) -> str:
    more = f" and {len(names) - count} more" if len(names) > count else ""
    return ", ".join(names[:count]) + more if names else "(none)"


def _check_finite(tensors: dict[str, Tensor], file: Path) -> None:
    for name, tensor in tensors.items():
        if not bool(tensor.isfinite().all()):
            raise UsageError(
                f"checkpoint: {name} in {file} holds NaN or infinite numbers: the training that "
                "wrote it has diverged, so take an earlier file"
            )


def _report(
    found: Match, source: dict[str, Tensor], backbone: Backbone, folded: Sequence[str]
) -> str:
    """Every tensor of both sides, in lines."""
    target = backbone.state_dict()

    def shape(tensor: Tensor) -> str:
        return "x".join(map(str, tensor.shape)) or "scalar"

    def paired(ours: str, theirs: str) -> str:
        note = " (RGB folded to grey)" if ours in folded else ""
        return f"{ours} {shape(target[ours])} <- {theirs} {shape(source[theirs])}{note}"

    sections = {
        "loaded": [paired(*pair) for pair in found.pairs.items()],
        "of another shape, not loaded": [paired(*pair) for pair in found.reshaped.items()],
        "not in the file": [f"{name} {shape(target[name])}" for name in found.missing],
        "in the file only": [f"{name} {shape(source[name])}" for name in found.left],
    }
    lines = [f"names in the file begin with {found.outer!r}, in the backbone with {found.inner!r}"]
    for title, content in sections.items():
        lines += ["", f"{title}: {len(content)}", *(f"  {line}" for line in content)]
    return "\n".join(lines) + "\n"
