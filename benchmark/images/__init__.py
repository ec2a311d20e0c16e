"""Reading radiographs: 8-bit grey pixels from the files people have, or one sentence why not."""

from benchmark.images.header import ImageHeader
from benchmark.images.limits import MAX_PIXELS, MAX_SIDE
from benchmark.images.reading import SUFFIXES, image_header, image_size, read_radiograph
from benchmark.images.scaling import scale_to, write_preview
from benchmark.images.windows import AUTO, Window

__all__ = [
    "AUTO",
    "MAX_PIXELS",
    "MAX_SIDE",
    "SUFFIXES",
    "ImageHeader",
    "Window",
    "image_header",
    "image_size",
    "read_radiograph",
    "scale_to",
    "write_preview",
]
