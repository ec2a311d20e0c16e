"""Reading labels from a file or a folder, whatever their format."""

from __future__ import annotations

from pathlib import Path

from benchmark.errors import DataError
from benchmark.labels.collecting import LabelCollector
from benchmark.labels.detection import (
    Format,
    candidates,
    detect_format,
    format_named,
    label_files,
    subfolders,
)
from benchmark.labels.label_set import Frames, LabelSet


def read_labels(
    path: Path,
    format: str | None = None,  # noqa: A002  the word users know
    *,
    frames: Frames | None = None,
) -> LabelSet:
    """Read all labels of a file or a folder.

    In a folder all files of the format are read. Where the files lie in folders within it, each is
    an annotator, called as its folder is (``400_senior``, ``400_junior``); one such folder alone
    is no annotator. The annotators must share images.

    Args:
        path: The file or folder.
        format: A name of `benchmark.labels.detection.FORMATS`; None to find it out.
        frames: Sizes and spacing of the images, by their names in the labels. The Shenzhen text
            needs it, and 3D Slicer's markups where their spacing is not 1 mm; others ignore it.

    Returns:
        Points in px, a pixel's centre having whole coordinates.

    Raises:
        UsageError: There is no such format.
        DataError: The format cannot be told, or the labels say what cannot be; one sentence names
            file and place.
    """
    if not path.exists():
        raise DataError(f"{path}: the labels are missing; restore them, or correct the name.")
    known = format_named(format if format is not None else detect_format(path))
    collector = LabelCollector(path, known.name)
    folders = _files(path, known)
    for annotator, files in folders.items():
        for file in files:
            known.read(file, collector, annotator, frames)
    labels = collector.label_set()
    if len(folders) > 1:
        _check_shared(labels)
    return labels


def _files(path: Path, known: Format) -> dict[str, list[Path]]:
    """The files to read, by annotator."""
    if not path.is_dir():
        return {"": [path]}
    files = _of_format(path, known)
    if files:
        return {"": files}
    inner = {folder.name: _of_format(folder, known) for folder in subfolders(path)}
    inner = {name: files for name, files in inner.items() if files}
    if inner:
        return inner if len(inner) > 1 else {"": next(iter(inner.values()))}
    # None begins as the format does: read them all the same, for the sentence about the first one.
    files = label_files(path, known.endings)
    if not files:
        raise DataError(
            f"{path}: no file of the format {known.name} ({', '.join(known.endings)}) is in the "
            "folder; correct the folder or the format."
        )
    return {"": files}


def _of_format(folder: Path, known: Format) -> list[Path]:
    """The files to read in a folder: none unless one of them begins as the format does.

    Files about one image are then all read, so that a damaged one is not passed over; beside
    tables and collections there may lie files of other kinds.
    """
    files = label_files(folder, known.endings)
    if known.one_image:
        return files if any(known.name in candidates(file) for file in files) else []
    return [file for file in files if known.name in candidates(file)]


def _check_shared(labels: LabelSet) -> None:
    """Refuse folders that are no annotators.

    Raises:
        DataError: No image has labels in two of them.
    """
    if all(len(image.annotations) < 2 for image in labels.images.values()):
        named = ", ".join(labels.annotators[:3])
        raise DataError(
            f"{labels.path}: the folders {named} are read as annotators, but no image is in two of "
            "them; put the labels of one annotator into one folder."
        )
