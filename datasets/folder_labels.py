"""Finding the labels in a user's folder, where it is not said what they are called."""

from __future__ import annotations

from pathlib import Path

from benchmark.errors import DataError
from benchmark.labels.detection import FORMATS, SNIFFED_FILES, candidates, format_named, label_files

USUAL = "landmarks.csv"
"""The file that is taken before any other."""

_FOLDERS = ("labels", "annotations")


def find_labels(root: Path, images: Path, label_format: str | None) -> Path:
    """The file or folder of the labels.

    `USUAL` comes first, then a folder called labels or annotations, then what lies in the root
    and beside the images and is recognised as labels by its content.

    Args:
        root: The user's folder.
        images: The folder of the images, which may be the root.
        label_format: Only labels of this format are looked for; None for any.

    Raises:
        UsageError: There is no such format.
        DataError: No labels are there, or several that could be meant.
    """
    endings = format_named(label_format).endings if label_format else None
    if (root / USUAL).exists():
        return root / USUAL
    for name in _FOLDERS:
        if (root / name).is_dir():
            return root / name
    for folder in dict.fromkeys((root, images)):
        if folder.is_dir():
            found = _recognised(folder, label_format, endings)
            if len(found) > 1:
                named = ", ".join(str(path.relative_to(root)) for path in found[:4])
                raise DataError(
                    f"{folder}: several files could be the labels, {named}; say which with "
                    "--labels FILE (or the option labels)."
                )
            if found:
                return found[0]
    raise DataError(
        f"{root}: no labels were found; put a {USUAL} there with the columns image, landmark, x, "
        "y, or name the labels of your tool with --labels (or the option labels)."
    )


def _recognised(
    folder: Path, label_format: str | None, endings: tuple[str, ...] | None
) -> list[Path]:
    """Files that hold the labels of many images, and the folder itself where files hold one's."""
    found: list[Path] = []
    for ending in endings or dict.fromkeys(e for known in FORMATS.values() for e in known.endings):
        for path in label_files(folder, (ending,))[:SNIFFED_FILES]:
            formats = [n for n in candidates(path) if label_format in {None, n}]
            if formats:
                single = any(FORMATS[name].one_image for name in formats)
                found.append(folder if single else path)
    return list(dict.fromkeys(found))
