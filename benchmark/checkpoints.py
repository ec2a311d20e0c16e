"""The state of an unfinished training on disk: safetensors with a JSON outline, never a pickle."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from benchmark import interruption
from benchmark.accounting import running
from benchmark.errors import StoreError
from benchmark.parallel import leads
from benchmark.publishing import draft_folder, whole_file

OUTLINE = "outline"
TENSOR = "tensor"


class Stateful(Protocol):
    """Anything that can give its state away and take it back."""

    def state_dict(self) -> dict[str, Any]:
        """Tensors, numbers and texts in dictionaries and lists."""

    def load_state_dict(self, state_dict: dict[str, Any], /) -> Any:
        """Take back what :meth:`state_dict` gave."""


class ModuleState:
    """All parameters and buffers of a module, also buffers that its own state dict leaves out.

    Queues of negatives are such buffers: without them a resumed training would begin anew.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module

    def _tensors(self) -> dict[str, Tensor]:
        return dict(self.module.named_parameters()) | dict(self.module.named_buffers())

    def state_dict(self) -> dict[str, Any]:
        """Every tensor by its name."""
        return {name: tensor.detach() for name, tensor in self._tensors().items()}

    @torch.no_grad()
    def load_state_dict(self, state_dict: dict[str, Any], /) -> None:
        """Copy in place, so that an optimiser's references stay good."""
        for name, tensor in self._tensors().items():
            tensor.copy_(state_dict[name])


class OptimiserState:
    """An optimiser, whose averages lie in memory as its parameters do.

    Files keep no strides, and fused updates of a convolution in channels-last order take averages
    in another order for granted ones: on CPUs without a word.
    """

    def __init__(self, optimiser: torch.optim.Optimizer) -> None:
        self.optimiser = optimiser

    def state_dict(self) -> dict[str, Any]:
        """The optimiser's own."""
        return self.optimiser.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any], /) -> None:
        """Take the averages back, each in the order of its parameter."""
        self.optimiser.load_state_dict(state_dict)
        for parameter, kept in self.optimiser.state.items():
            for name, value in kept.items():
                if name != "step" and isinstance(value, Tensor) and value.shape == parameter.shape:
                    kept[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)


class RandomState:
    """A generator, and torch's global streams, from which dropout draws."""

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator

    def state_dict(self) -> dict[str, Any]:
        """Bytes of every stream."""
        streams = {"own": self.generator.get_state(), "global": torch.get_rng_state()}
        if self.generator.device.type == "cuda":
            streams["cuda"] = torch.cuda.get_rng_state(self.generator.device)
        return streams

    def load_state_dict(self, state_dict: dict[str, Any], /) -> None:
        """Go on where the streams stood."""
        self.generator.set_state(state_dict["own"])
        torch.set_rng_state(state_dict["global"])
        if "cuda" in state_dict:
            torch.cuda.set_rng_state(state_dict["cuda"], self.generator.device)


class Checkpoint:
    """Keeps a training every so often, so that a kill costs little of it.

    What the running stopwatch has counted since the start of the training is kept too.

    Args:
        path: The file; an earlier one there is gone on from.
        seconds: Time between two saves; more where saving takes over a twentieth of it.
        parts: All that changes while training, by name.
    """

    def __init__(self, path: Path, seconds: float, parts: Mapping[str, Stateful]) -> None:
        self.path, self.parts = path, dict(parts)
        self.earlier_seconds = 0.0
        self._interval = seconds
        self._started = self._saved = time.monotonic()
        self._stopwatch = running()
        self._before = self._stages()

    def resume(self) -> int:
        """Put every part back into its state; the number of steps that are done, 0 at the start.

        A damaged file is set aside, which the log says, and the training begins anew.

        Raises:
            StoreError: The file was written by another version of the method.
        """
        if not self.path.exists():
            return 0
        try:
            state = load_state(self.path)
        except StoreError as error:
            print(f"{error}: set aside as {_set_aside(self.path)}; the training begins anew")
            return 0
        try:
            for name, part in self.parts.items():
                part.load_state_dict(state["parts"][name])
        except Exception as error:
            raise StoreError(
                f"{self.path} is of another version of this training ({error}): delete it, "
                "and run again"
            ) from error
        self.earlier_seconds = float(state["seconds"])
        if self._stopwatch is not None:
            self._stopwatch.add(state.get("stages", {}))
        return int(state["step"])

    def due(self) -> bool:
        """Whether it is time to save, or the work is to be left."""
        return interruption.requested() or time.monotonic() - self._saved >= self._interval

    def save(self, step: int) -> None:
        """Write the state after ``step`` steps; whoever is to leave the work leaves it here.

        Of several processes at one training, the first writes.

        Raises:
            StoreUnwritableError: It cannot be written.
            WorkInterrupted: It is written, and the work is to be left.
        """
        if not leads():
            return
        begun = time.monotonic()
        save_state(
            {
                "step": step,
                "seconds": self.earlier_seconds + begun - self._started,
                "stages": {k: v - self._before[k] for k, v in self._stages().items()},
                "parts": {name: part.state_dict() for name, part in self.parts.items()},
            },
            self.path,
        )
        self._saved = time.monotonic()
        if self._interval:
            self._interval = max(self._interval, 20 * (self._saved - begun))
        interruption.leave_if_requested()

    def _stages(self) -> dict[str, float]:
        if self._stopwatch is None:
            return {}
        self._stopwatch.collect()
        return self._stopwatch.totals()


def save_state(state: Mapping[str, Any], path: Path) -> None:
    """Write nested dictionaries and lists of tensors, numbers and texts, whole or not at all.

    Raises:
        StoreUnwritableError: It cannot be written.
    """
    tensors: dict[str, Tensor] = {}

    def outline(value: Any) -> Any:
        if isinstance(value, Tensor):
            name = str(len(tensors))
            tensors[name] = value.detach().cpu().contiguous().clone()
            return {TENSOR: name}
        if isinstance(value, Mapping):
            # JSON knows texts as keys only; an optimiser numbers its parameters.
            return {"keys": list(value), "values": [outline(v) for v in value.values()]}
        if isinstance(value, list | tuple):
            return [outline(v) for v in value]
        return value

    text = json.dumps(outline(state))
    # safetensors writes beside its target first, under a name that does not tell whose it is: in a
    # folder whose name does, what a kill leaves behind is found again.
    with whole_file(path) as temporary, draft_folder(path) as folder:
        save_file(tensors, str(folder / path.name), metadata={OUTLINE: text})
        (folder / path.name).replace(temporary)


def load_state(path: Path) -> dict[str, Any]:
    """Read what :func:`save_state` wrote; tensors lie on the CPU.

    Raises:
        StoreError: The file is damaged.
    """

    def filled(value: Any) -> Any:
        if isinstance(value, dict) and TENSOR in value:
            return file.get_tensor(value[TENSOR])
        if isinstance(value, dict):
            return dict(zip(value["keys"], map(filled, value["values"]), strict=True))
        if isinstance(value, list):
            return [filled(v) for v in value]
        return value

    try:
        with safe_open(str(path), framework="pt") as file:
            state: dict[str, Any] = filled(json.loads(file.metadata()[OUTLINE]))
    except Exception as error:
        raise StoreError(f"{path} is damaged ({error})") from error
    return state


def _set_aside(path: Path) -> Path:
    """Move a damaged checkpoint to where other damaged work of the store lies."""
    folder = path.parent.parent / "set-aside"
    folder.mkdir(exist_ok=True)
    return path.replace(folder / f"checkpoint-{path.name}")
