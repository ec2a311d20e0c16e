"""Makes ``import torchvision`` work beside a CPU build of torch.

PyPI's torchvision is linked against CUDA. Beside a torch without CUDA its compiled operators do not
load, and the import then stops with ``operator torchvision::nms does not exist``: torchvision
attaches shape functions to two operators that nobody has declared. timm, lightly,
segmentation-models-pytorch and the models of diffusers import torchvision and go down with it.
Nothing here needs these operators, so it is enough to declare their schemas.

The hook waits for the import of the one submodule that attaches the shape functions. By then
torchvision has tried to load its operators, so that a torchvision that does fit its torch (a wheel
of the CPU index, a build from source) is recognised and left alone: a schema cannot be declared
twice. Until then the hook costs nothing, and it never imports torch by itself.
"""

from __future__ import annotations

import importlib.abc
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

_MODULE = "torchvision._meta_registrations"
_OPERATORS = ("nms", "qnms")
_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"

# A schema lives as long as the library object that declared it.
_libraries: list[object] = []


def declare_missing_operators() -> tuple[str, ...]:
    """Declare the operators that torchvision takes for granted and that did not load.

    Does nothing on a torch with CUDA or HIP: there a torchvision without operators is a broken
    installation, which should be seen.

    Returns:
        The names of the operators that were declared now.
    """
    import torch

    if torch.version.cuda is not None or torch.version.hip is not None:
        return ()
    missing = tuple(name for name in _OPERATORS if not hasattr(torch.ops.torchvision, name))
    for name in missing:
        library = torch.library.Library("torchvision", "FRAGMENT")
        library.define(name + _SCHEMA)
        _libraries.append(library)
    return missing


class _DeclaringLoader(importlib.abc.Loader):
    """Loads a module with its own loader, after the operators have been declared."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Leave the making of the module to its own loader."""
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Declare the operators, then run the module as if this loader had never been there."""
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        declare_missing_operators()
        self._loader.exec_module(module)


class TorchvisionFinder(importlib.abc.MetaPathFinder):
    """Finds one submodule of torchvision through the other finders and wraps its loader.

    It keeps no state: imports in several threads and imports within imports cannot confuse it.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of the submodule with a wrapped loader; None for any other module."""
        if fullname != _MODULE:
            return None
        for finder in list(sys.meta_path):
            if isinstance(finder, TorchvisionFinder) or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = _DeclaringLoader(spec.loader)
                return spec
        return None


def install() -> None:
    """Put the hook in front of the import system, once a process."""
    if not any(isinstance(finder, TorchvisionFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, TorchvisionFinder())
