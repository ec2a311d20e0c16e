"""The errors behind a table as arrays over seeds and images, on the images that all rows share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmark.errors import StoreError

if TYPE_CHECKING:
    from benchmark.predictions import LandmarkErrors
    from benchmark.reports.tables import Identity, Row
    from benchmark.store import Store


@dataclass(frozen=True, eq=False)
class RowErrors:
    """The errors of one row.

    Attributes:
        seeds: Its finished seeds whose predictions could be read.
        means: (seeds, images) mean radial error of each image in the dataset's unit, no NaN.
        within: By threshold, (seeds, images) number of landmarks at most that far off.
    """

    seeds: tuple[int, ...]
    means: np.ndarray
    within: Mapping[float, np.ndarray]

    def at(self, seeds: Sequence[int]) -> np.ndarray:
        """(len(seeds), images) the means of these seeds, all of which it must have."""
        return self.means[[self.seeds.index(seed) for seed in seeds]]


@dataclass(frozen=True, eq=False)
class TableErrors:
    """The errors of the rows of one table.

    Attributes:
        images: The test images that every row has, those without a known landmark left out.
        weights: (images,) number of known landmarks, by which MRE weighs an image.
        rows: By the rows' identities; rows without a readable seed are left out.
    """

    images: tuple[str, ...]
    weights: np.ndarray
    rows: Mapping[Identity, RowErrors]

    def common_seeds(self, *identities: Identity) -> tuple[int, ...]:
        """The seeds that all of these rows have."""
        first, *others = (self.rows[identity].seeds for identity in identities)
        return tuple(seed for seed in first if all(seed in seeds for seeds in others))


def table_errors(
    store: Store, rows: Iterable[Row], thresholds: Sequence[float]
) -> TableErrors | None:
    """Read the errors of the finished cells of some rows of one dataset.

    Files that cannot be read are named in ``store.problems`` and left out.

    Returns:
        None where nothing could be read or no image has a known landmark.
    """
    read = {row.identity: _read_row(store, row) for row in rows}
    read = {identity: cells for identity, cells in read.items() if cells}
    every = [errors for cells in read.values() for errors in cells.values()]
    images = _shared_images(every)
    if not images:
        return None
    return TableErrors(
        images=images,
        weights=every[0].known[_places(every[0], images)].astype(float),
        rows={identity: _row_errors(cells, images, thresholds) for identity, cells in read.items()},
    )


def _read_row(store: Store, row: Row) -> dict[int, LandmarkErrors]:
    read = {}
    for cell in row.done:
        try:
            read[cell.labels.seed] = store.errors(cell.key)
        except StoreError as error:
            if str(error) not in store.problems:
                store.problems.append(str(error))
    return read


def _shared_images(cells: Sequence[LandmarkErrors]) -> tuple[str, ...]:
    """Images with a known landmark that all cells have, in the order of the first."""
    if not cells:
        return ()
    # Cells of one dataset have the same images but for those of an interrupted change of the data.
    others = {cell.image_ids for cell in cells[1:]} - {cells[0].image_ids}
    shared = set(cells[0].image_ids).intersection(*others)
    known = cells[0].known
    return tuple(
        name
        for name, count in zip(cells[0].image_ids, known, strict=True)
        if count and name in shared
    )


def _places(cell: LandmarkErrors, images: Sequence[str]) -> np.ndarray:
    place = {name: number for number, name in enumerate(cell.image_ids)}
    return np.array([place[name] for name in images])


def _row_errors(
    cells: Mapping[int, LandmarkErrors], images: Sequence[str], thresholds: Sequence[float]
) -> RowErrors:
    chosen = [(cell, _places(cell, images)) for cell in cells.values()]
    return RowErrors(
        seeds=tuple(cells),
        means=np.stack([cell.image_means[places] for cell, places in chosen]),
        within={
            threshold: np.stack([(cell.values[p] <= threshold).sum(1) for cell, p in chosen])
            for threshold in thresholds
        },
    )
