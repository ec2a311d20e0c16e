"""The spacing that 3D Slicer gives to a PNG, BMP, JPEG or TIFF, to bring mm back to px."""

from __future__ import annotations

import math
import warnings
from pathlib import Path

from benchmark.images.reading import is_dicom

_MM_PER_UNIT = {"jpeg": {1: 25.4, 2: 10.0}, "tiff": {2: 25.4, 3: 10.0}}
"""mm in the unit of a resolution, by the number of the unit in JFIF and in TIFF."""

_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT = 282, 283, 296


_UNKNOWN = (".dcm", ".dicom", ".mha", ".nrrd")
"""Endings of files whose spacing and origin in Slicer depend on tags that other readers weigh."""


def spacing_in_slicer(path: Path) -> tuple[float, float] | None:
    """mm per px along x and along y, as 3D Slicer shows a PNG, BMP, JPEG or TIFF.

    Slicer reads them through ITK, whose readers (itkJPEGImageIO, itkTIFFImageIO) turn a stated
    resolution in dots per inch or cm into a spacing, although it is that of a print; all other
    files have 1 mm.

    Args:
        path: The image. One that cannot be read has 1 mm: reading it gives the sentence.

    Returns:
        None for DICOM, MHA and NRRD, where it cannot be told.
    """
    from PIL import Image

    if path.suffix.lower() in _UNKNOWN or is_dicom(path):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=("JPEG", "TIFF")) as image:
                if image.format == "JPEG":
                    unit, density = image.info.get("jfif_unit"), image.info.get("jfif_density")
                    scale = _MM_PER_UNIT["jpeg"].get(unit or 0)
                else:
                    tags = image.getexif()
                    density = tags.get(_X_RESOLUTION), tags.get(_Y_RESOLUTION)
                    scale = _MM_PER_UNIT["tiff"].get(tags.get(_RESOLUTION_UNIT, 0))
                if scale is None or density is None:
                    return 1.0, 1.0
                spacing = scale / float(density[0]), scale / float(density[1])
    except Exception:  # decoders raise whatever they like on damaged bytes
        return 1.0, 1.0
    valid = all(math.isfinite(side) and side > 0 for side in spacing)
    return spacing if valid else (1.0, 1.0)
