"""Writes DICOM radiographs as devices do, with a person in them who must appear nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, ComputedRadiographyImageStorage, ExplicitVRLittleEndian

PERSON = "Persephone^Quux"
"""The name of the person in every file."""

SECRETS = (PERSON, "Persephone", "HOSP-4711", "19501231", "Sankt Nirgendwo")
"""What of a person stands in every file."""


def radiograph(pixels: np.ndarray, **tags: Any) -> FileDataset:
    """A data set in memory.

    Args:
        pixels: (height, width) uint8, uint16 or int16, or (height, width, 3) uint8.
        **tags: Tags by keyword, over what follows from the pixels; None takes one away.
    """
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = ComputedRadiographyImageStorage
    meta.MediaStorageSOPInstanceUID = UID("1.2.826.0.1.3680043.8.498.1")
    meta.ImplementationClassUID = UID("1.2.826.0.1.3680043.8.498.2")
    dataset = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)  # type: ignore[arg-type]
    bits = 8 * pixels.dtype.itemsize
    values: dict[str, Any] = {
        "SOPClassUID": ComputedRadiographyImageStorage,
        "SOPInstanceUID": "1.2.826.0.1.3680043.8.498.1",
        "PatientName": PERSON,
        "PatientID": "HOSP-4711",
        "PatientBirthDate": "19501231",
        "InstitutionName": "Sankt Nirgendwo",
        "Modality": "CR",
        "Rows": pixels.shape[0],
        "Columns": pixels.shape[1],
        "SamplesPerPixel": 3 if pixels.ndim == 3 else 1,
        "PhotometricInterpretation": "RGB" if pixels.ndim == 3 else "MONOCHROME2",
        "BitsAllocated": bits,
        "BitsStored": bits,
        "HighBit": bits - 1,
        "PixelRepresentation": int(pixels.dtype.kind == "i"),
    }
    if pixels.ndim == 3:
        values["PlanarConfiguration"] = 0
    values |= tags
    if "BitsStored" in tags:
        values["HighBit"] = tags["BitsStored"] - 1
    for name, value in values.items():
        if value is not None:
            setattr(dataset, name, value)
    dataset.PixelData = pixels.tobytes()
    dataset["PixelData"].VR = "OB" if bits == 8 else "OW"
    return dataset


def write_dicom(path: Path, pixels: np.ndarray, **tags: Any) -> Path:
    """Write a radiograph; the arguments are those of `radiograph`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    radiograph(pixels, **tags).save_as(path, enforce_file_format=True)
    return path


def lookup_table(entries: np.ndarray, first: int = 0, bits: int = 16) -> Dataset:
    """An item of a modality or VOI LUT sequence; values below ``first`` take its first entry."""
    item = Dataset()
    item.LUTDescriptor = [len(entries), first, bits]
    item["LUTDescriptor"].VR = "US"
    item.ModalityLUTType = "US"
    item.LUTData = entries.astype(np.uint16).tobytes()
    item["LUTData"].VR = "OW"
    return item
