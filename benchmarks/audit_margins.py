"""How far real and computed sets stay from the thresholds of an audit.

    python -m benchmarks.audit_margins --data ../shared/data

prints a line a set: its annotations, the distance of the farthest shape from the others as it is
and the least of all when mirrored or transposed (beside the limits of this set), how often a
landmark surprises by more than 5, 6 and 7 times the usual distance, the largest surprise, by how
much knowing the others narrows where a landmark is, and the best correlation of two films below
that of copies. Phantoms are rendered at 64 px, which takes a minute or two.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmark.audit.inquiry import Inquiry
from benchmark.audit.material import Material
from benchmark.audit.reading import read_material
from benchmark.audit.shapes import ShapeModel, usual_spread
from benchmark.dataset_choice import choose_dataset
from benchmark.leaks import LEAK_CORRELATION, find_copies
from benchmark.plugin_specs import parse_spec

PHANTOMS = tuple(
    f"phantom-{kind}[train=200,test=100,size=64]" for kind in ("cephalometric", "hand", "chest")
)
REAL = (
    ("cephalometric", "cephalometric"),
    ("hand[partial=true]", "hand"),
    ("folder", "chest_wingspan"),
)


def main() -> None:
    """Print a line a set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, help="Folder with the real sets.")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    for name, folder in _sets(arguments.data):
        roots = {} if folder is None else {"": folder}
        chosen = choose_dataset(parse_spec(name), roots)
        print(_line(read_material(chosen, processes=arguments.processes)), flush=True)


def _sets(data: Path | None) -> Iterator[tuple[str, Path | None]]:
    yield from ((name, None) for name in PHANTOMS)
    if data is not None:
        yield from ((name, data / folder) for name, folder in REAL)


def _line(material: Material) -> str:
    inquiry = Inquiry(material)
    model = inquiry.model
    assert model is not None
    surprise = inquiry.surprise(inquiry.points)
    multiple = np.nan_to_num(surprise.multiple, nan=0.0)
    often = ", ".join(f"{int((multiple > at).sum())} above {at}" for at in (5, 6, 7))
    return (
        f"{material.index.name}: {len(inquiry.rows)} annotations; farthest shape "
        f"{np.nanmax(inquiry.distance):.2f} (limit {model.limit:.2f}), "
        f"{_other_poses(model, inquiry.points):.2f} in another pose; surprise {often}, "
        f"{multiple.max():.1f} at most; narrowed {_narrowed(inquiry):.1f} times; "
        f"best other pair {_best_other_pair(material):.3f}"
    )


def _other_poses(model: ShapeModel, points: np.ndarray) -> float:
    """The least distance of a shape that was mirrored, transposed or turned upside down."""
    others = (points * [-1, 1], points[..., ::-1], -points)
    return min(float(np.nanmin(model.distance(other))) for other in others)


def _narrowed(inquiry: Inquiry) -> float:
    """The spread of landmarks over that of their distance from where the others put them."""
    model = inquiry.model
    assert model is not None
    expected = usual_spread(inquiry.surprise(inquiry.points).distance)
    return float(np.median(model.spread / expected))


def _best_other_pair(material: Material) -> float:
    """The largest correlation of two films that are not taken for one."""
    ids = list(material.thumbnails)
    pairs = find_copies(ids, np.stack([material.thumbnails[name] for name in ids]), 0.8)
    others = [abs(p.correlation) for p in pairs if abs(p.correlation) < LEAK_CORRELATION]
    return max(others, default=float("nan"))


if __name__ == "__main__":
    main()
