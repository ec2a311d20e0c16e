"""Finding the image files that labels name, which were often written on another machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmark.errors import DataError
from benchmark.images import SUFFIXES, ImageHeader, image_header
from benchmark.labels.label_set import LabelledImage
from benchmark.refusals import refuse


def find_image(folder: Path, name: str) -> Path | None:
    """The file of an image as the labels name it, or None where there is none.

    Labels may leave out its ending, give that of another copy (``film7.png`` for ``film7.tif``),
    or name the folders of the machine on which the image was labelled. No file outside the folder
    is ever found.

    Args:
        folder: Where the images lie.
        name: As the labels give it.
    """
    written = Path(name)
    inside = not written.is_absolute() and ".." not in written.parts
    bare = Path(written.name)
    if bare.name in {"", ".."}:
        return None
    for relative in dict.fromkeys((written, bare) if inside else (bare,)):
        path = folder / relative
        if _is_file(path):
            return path
        is_known = path.suffix.lower() in SUFFIXES
        for stem in (path.name, path.stem) if is_known else (path.name,):
            # Files of an archive often have no ending at all.
            for suffix in ("", *SUFFIXES):
                candidate = path.parent / (stem + suffix)
                if _is_file(candidate):
                    return candidate
    return None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long for the file system
        return False


def image_paths(folder: Path, images: Sequence[LabelledImage]) -> dict[str, Path]:
    """The file of each image, by name.

    Raises:
        DataError: An image has no file, or two have the same one.
    """
    paths: dict[str, Path] = {}
    named: dict[Path, str] = {}
    for image in images:
        path = find_image(folder, image.name)
        if path is None:
            error = DataError(
                f"{image.where}: the image {image.name} is not in {folder}; add it, or correct "
                "the name."
            )
            refuse(error, image.name)
            continue
        other = named.setdefault(path.resolve(), image.name)
        if other != image.name:
            error = DataError(
                f"{image.where}: {image.name} and {other} are one file; name it in one way."
            )
            refuse(error, image.name)
        paths[image.name] = path
    return paths


def image_headers(paths: Mapping[str, Path]) -> dict[str, ImageHeader]:
    """What the files of images say of themselves, by name.

    Raises:
        DataError: A file is damaged, or no image of a kind that is read.
    """
    headers = {}
    for name, path in paths.items():
        try:
            headers[name] = image_header(path)
        except DataError as error:
            refuse(error, name)
    return headers
