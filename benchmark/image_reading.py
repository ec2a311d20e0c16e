"""Reading all images of a dataset in several processes, and doing something with each."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from benchmark.grid import PluginChoice
from benchmark.plugins import LandmarkDataset
from benchmark.registry import registry

T = TypeVar("T")
I = TypeVar("I")  # noqa: E741  what names an image: a sample, or a file

Look = Callable[[LandmarkDataset, I], T]
"""What is done with an image; a function of a module, so that processes can be handed it."""

# Below this number of images, starting processes costs more than it saves.
PARALLEL_FROM = 64


def open_plugin(choice: PluginChoice, root: Path | None) -> LandmarkDataset:
    """The dataset behind a choice, with its options."""
    plugin = registry("dataset").load(choice.name)
    assert issubclass(plugin, LandmarkDataset)
    return plugin(plugin.Options.model_validate(choice.options), root)


def look_at_all(
    look: Look[I, T],
    samples: Sequence[I],
    choice: PluginChoice,
    root: Path | None,
    *,
    plugins: tuple[Path, ...] = (),
    processes: int = 1,
) -> Iterator[T]:
    """What ``look`` gives for each image, in order.

    Args:
        look: Called with the dataset and one of the samples.
        samples: The images, or files to be read as the dataset's own are.
        choice: The dataset, which each process opens once.
        root: Its folder.
        plugins: Files with plugins, for the processes.
        processes: How many there may be; with few images there is one, this one.
    """
    if processes == 1 or len(samples) < PARALLEL_FROM:
        _open(choice, root, plugins)
        yield from (_look(look, sample) for sample in samples)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, _open, (choice, root, plugins)) as pool:
        yield from pool.map(partial(_look, look), samples, chunksize=8)


class _Opened:
    """The dataset of a reading process."""

    dataset: LandmarkDataset


def _open(choice: PluginChoice, root: Path | None, plugins: tuple[Path, ...]) -> None:
    for path in plugins:
        registry("dataset").add_file(path)
    _Opened.dataset = open_plugin(choice, root)


def _look(look: Look[I, T], sample: I) -> T:
    return look(_Opened.dataset, sample)
