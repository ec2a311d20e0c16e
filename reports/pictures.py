"""Pictures of the store as data URIs, each embedded once however often a page shows it."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from benchmark.schema import Preview
    from benchmark.store import Store

LONGEST_PREVIEW = 512
LONGEST_SAMPLES = 900
JPEG_QUALITY = 84


@dataclass(frozen=True)
class Picture:
    """An embedded picture.

    Attributes:
        identifier: The id of its element in the page.
        uri: The data URI.
        width: In px of the embedded picture.
        height: In px of the embedded picture.
        native_width: Width of the frame that predictions refer to, in px.
        native_height: Height of that frame, in px.
    """

    identifier: str
    uri: str
    width: int
    height: int
    native_width: int
    native_height: int


def embed(path: Path, longest: int) -> tuple[str, int, int]:
    """An image file as an 8-bit grey data URI, PNG or JPEG, whichever is smaller.

    Args:
        path: The file.
        longest: The longest side allowed, in px; larger images are scaled down.

    Returns:
        The data URI, and width and height in px.

    Raises:
        OSError: The file is missing or no image.
    """
    from PIL import Image

    with Image.open(path) as opened:
        image = opened.convert("L")
    image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    candidates = []
    for kind, options in (("jpeg", {"quality": JPEG_QUALITY}), ("png", {})):
        stream = io.BytesIO()
        image.save(stream, format=kind, optimize=True, **options)
        candidates.append((stream.tell(), kind, stream.getvalue()))
    _, kind, data = min(candidates)
    encoded = base64.b64encode(data).decode("ascii")
    return f"data:image/{kind};base64,{encoded}", image.width, image.height


class PreviewLibrary:
    """The previews that a page shows; asking twice for one gives the same picture.

    Attributes:
        problems: Sentences about previews that could not be read.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._indices: dict[str, dict[str, Preview]] = {}
        self._pictures: dict[tuple[str, str], Picture | None] = {}
        self.problems: list[str] = []

    def image_ids(self, dataset_key: str) -> list[str]:
        """The test images of a dataset that have a preview, in the order of the store."""
        return list(self._index(dataset_key))

    def picture(self, dataset_key: str, image_id: str) -> Picture | None:
        """The picture of a test image, or None where there is no readable preview."""
        known = (dataset_key, image_id)
        if known not in self._pictures:
            self._pictures[known] = self._embed(dataset_key, image_id)
        return self._pictures[known]

    def used(self) -> list[Picture]:
        """All pictures that were asked for, to be embedded."""
        return [picture for picture in self._pictures.values() if picture is not None]

    def _index(self, dataset_key: str) -> dict[str, Preview]:
        if dataset_key not in self._indices:
            try:
                self._indices[dataset_key] = self._store.previews(dataset_key)
            except (OSError, ValueError) as error:
                self.problems.append(f"the previews of {dataset_key} cannot be read: {error}")
                self._indices[dataset_key] = {}
        return self._indices[dataset_key]

    def _embed(self, dataset_key: str, image_id: str) -> Picture | None:
        preview = self._index(dataset_key).get(image_id)
        if preview is None:
            return None
        folder = self._store.root / "datasets" / dataset_key
        try:
            uri, width, height = embed(folder / preview.file, LONGEST_PREVIEW)
        except OSError as error:
            self.problems.append(f"the preview of {image_id} cannot be read: {error}")
            return None
        number = len(self._pictures)
        return Picture(f"preview-{number}", uri, width, height, preview.width, preview.height)
