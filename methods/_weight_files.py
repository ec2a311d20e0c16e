"""Reads the tensors of a weights file without running anything that may lie in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from benchmark.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

ZIP = b"PK\x03\x04"
MEND = (
    "open it where you trust it, write its tensors with "
    "safetensors.torch.save_file(model.state_dict(), 'weights.safetensors'), and give that file"
)


def kind_of(path: Path) -> Literal["safetensors", "torch", "pickle"]:
    """What a file is, by its first bytes, whatever it is called.

    A safetensors file begins with the length of its header (8 bytes, little endian) and the
    header's brace; ``torch.save`` writes a zip archive since torch 1.6. All else counts as a
    pickle, and so does everything that is called ``.pkl``.
    """
    if path.suffix.lower() in (".pkl", ".pickle"):
        return "pickle"
    with path.open("rb") as stream:
        head = stream.read(9)
    if head.startswith(ZIP):
        return "torch"
    length = int.from_bytes(head[:8], "little")
    if head[8:] == b"{" and length <= path.stat().st_size - 8:
        return "safetensors"
    return "pickle"


def pickle_problem(path: Path) -> str | None:
    """Why a file is refused by its kind alone, in words that go on from its name, or None."""
    if kind_of(path) != "pickle":
        return None
    return (
        "is neither safetensors nor a state dict of torch 1.6 or later, and a pickle can run code "
        f"when it is read, so it is refused: {MEND}"
    )


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a file by name, on the CPU; names of nested dictionaries are joined by dots.

    Args:
        path: A safetensors file, or a state dict written by ``torch.save``, alone or inside
            dictionaries (``{"state_dict": {...}, "epoch": 3}``). What is no tensor is passed over.

    Raises:
        UsageError: The file is damaged, holds no tensors, or could only be read by an unpickler
            that runs what the file says; the sentence says how to convert it.
    """
    if problem := pickle_problem(path):
        raise UsageError(f"{path} {problem}")
    content = _safetensors(path) if kind_of(path) == "safetensors" else _state_dict(path)
    tensors = dict(_flattened(content))
    if not tensors:
        raise UsageError(f"{path} holds no tensors: give a file with the weights of a network")
    return tensors


def _safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(str(path))
    except (SafetensorError, OSError) as error:
        raise UsageError(f"{path} is damaged ({error}): fetch or write it again") from error


def _state_dict(path: Path) -> Any:
    """What ``torch.save`` has written, if torch's restricted reader can read it."""
    import pickle

    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError as error:
        raise UsageError(
            f"{path} holds more than tensors (a whole module, or objects beside them), and to "
            f"read those can run code, so it is refused: {MEND}"
        ) from error
    except (OSError, RuntimeError, ValueError, EOFError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise UsageError(
            f"{path} cannot be read as a state dict ({reason}): fetch it again, or {MEND}"
        ) from error


def _flattened(content: Any, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    """Tensors under names; optimiser states are numbered rather than named and fall away."""
    import torch

    if not isinstance(content, Mapping):
        return
    for name, value in content.items():
        if not isinstance(name, str):
            continue
        if isinstance(value, torch.Tensor):
            yield prefix + name, value
        else:
            yield from _flattened(value, f"{prefix}{name}.")
