"""Stand-ins for libraries that the paper's code imports and that are not installed.

None of them makes the paper's code slower than the library would, so that no measured ratio
flatters us. einops is replaced by what torch ships of it, the one function of scikit-image by the
two calls of scipy that it consists of. OpenCV and albumentations are replaced by stand-ins that
hardly do anything, and a ratio that rests on them is a lower bound. The rest is never called.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Sequence
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np


class Missing(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the modules of :data:`STAND_INS`, asked only where nothing else has found them.

    Attributes:
        replaced: The libraries that were replaced so far.
    """

    def __init__(self) -> None:
        self.replaced: set[str] = set()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """A module of a library that is stood in for, or None."""
        library = fullname.partition(".")[0]
        # Half of a library beside half of a stand-in would be neither.
        if library not in STAND_INS or (path is not None and library not in self.replaced):
            return None
        self.replaced.add(library)
        return importlib.util.spec_from_loader(fullname, self, is_package=True)

    def exec_module(self, module: ModuleType) -> None:
        """Fill the module; a name that nobody thought of is a class that does nothing."""
        for name, value in STAND_INS[module.__name__.partition(".")[0]]().items():
            setattr(module, name, value)
        module.__getattr__ = _nothing  # type: ignore[method-assign]


class Nothing:
    """Takes any arguments and holds nothing."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass


def _nothing(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return Nothing


def install() -> Missing:
    """Stand in for what is missing, from now on."""
    missing = Missing()
    sys.meta_path.append(missing)
    return missing


def _einops() -> dict[str, Any]:
    import torch
    from functorch.einops import rearrange  # type: ignore[import-untyped]

    class Rearrange(torch.nn.Module):
        def __init__(self, pattern: str, **sides: int) -> None:
            super().__init__()
            self.pattern, self.sides = pattern, sides

        def forward(self, tensor: torch.Tensor) -> torch.Tensor:
            rearranged: torch.Tensor = rearrange(tensor, self.pattern, **self.sides)
            return rearranged

    return {"rearrange": rearrange, "reduce": _reduce, "Rearrange": Rearrange}


def _reduce(tensor: Any, pattern: str, reduction: str | Callable[..., Any]) -> Any:
    """The one pattern that is used: everything but the first axis."""
    if pattern != "o ... -> o 1 1 1":
        raise NotImplementedError(pattern)
    axes = (1, 2, 3)
    if callable(reduction):
        return reduction(tensor, axes).reshape(-1, 1, 1, 1)
    return getattr(tensor, reduction)(axes, keepdim=True)


def _cv2() -> dict[str, Any]:
    """No contours are looked for, so all points are (0, 0) and the accuracy means nothing."""
    return {
        "findContours": lambda *_: ((), None),
        "BORDER_REPLICATE": 1,
        "RETR_EXTERNAL": 0,
        "CHAIN_APPROX_SIMPLE": 2,
    }


def _albumentations() -> dict[str, Any]:
    """Nothing is shifted, turned or normalised; a resize takes every n-th pixel."""
    import torch

    class Resize:
        def __init__(self, height: int, width: int) -> None:
            self.size = (height, width)

    class Compose:
        def __init__(self, transforms: Sequence[Any]) -> None:
            self.sizes = [t.size for t in transforms if isinstance(t, Resize)]

        def __call__(self, image: np.ndarray, masks: Any = ()) -> dict[str, Any]:
            for size in self.sizes:
                image = every_nth(image, size)
            pixels = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
            return {"image": pixels, "masks": [torch.from_numpy(mask) for mask in masks]}

    # What lies deeper is reached by attribute as well as by import.
    return {"Compose": Compose, "Resize": Resize, "transforms": SimpleNamespace(ToTensorV2=Nothing)}


def _skimage() -> dict[str, Any]:
    """The filter against aliasing and the linear zoom, which the library leaves to scipy too."""
    from scipy import ndimage

    def resize(image: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        factors = np.divide(image.shape, shape)
        filtered = ndimage.gaussian_filter(image, np.maximum(0, (factors - 1) / 2), mode="mirror")
        zoomed: np.ndarray = ndimage.zoom(
            filtered, 1 / factors, order=1, mode="mirror", grid_mode=True
        )
        return zoomed

    return {"resize": resize}


def every_nth(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(height, width, channels) to another size by picking pixels: nothing is computed."""
    rows, columns = (
        np.arange(new) * old // new for new, old in zip(size, image.shape[:2], strict=True)
    )
    picked: np.ndarray = image[rows[:, None], columns]
    return picked


def _unused() -> dict[str, Any]:
    return {}


STAND_INS: dict[str, Callable[[], dict[str, Any]]] = {
    "einops": _einops,
    "cv2": _cv2,
    "albumentations": _albumentations,
    "skimage": _skimage,
} | dict.fromkeys(("GPUtil", "prettytable", "requests", "sklearn", "torchmetrics", "tqdm"), _unused)
"""By library; what the project itself requires is never missing and not among them."""

IDLE = frozenset({"albumentations", "cv2"})
"""Stand-ins that do less work than the library: what is measured with them is a lower bound."""
