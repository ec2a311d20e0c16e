"""What the header of an image says: its size, its spacing, and whose film it is, without a name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ImageHeader:
    """What is known of an image before its pixels are read.

    Attributes:
        width: In px.
        height: In px.
        spacing: mm per px along x and along y, or None where the file does not say. The resolution
            of PNG, JPEG, BMP and TIFF is that of a print and is never taken.
        spacing_source: The name of the tag that says so; empty where none does.
        patient: A digest that two images share where their files name one patient; empty where
            they name none. It stays in memory: digests of short ids can be guessed back.
    """

    width: int
    height: int
    spacing: tuple[float, float] | None = None
    spacing_source: str = ""
    patient: str = ""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in px."""
        return self.width, self.height
