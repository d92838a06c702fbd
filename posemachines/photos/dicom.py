"""DICOM: window, rescaling, inverted greys, several frames, and the spacing of pixels.

Greys are taken through the file's own window (centre and width), else through its lookup table, otherwise by the rule
of :mod:`posemachines.photos.depth`; 8-bit pictures without any of these stay as they are. ``MONOCHROME1`` is inverted.
"""

from __future__ import annotations

import numpy as np

from .arrays import to_rgb
from .depth import to_eight_bits
from .sources import Source

__all__ = ["dicom_size", "dicom_spacing", "read_dicom"]

SAME = 1e-3  # relative difference up to which the two spacings count as equal


def read_dicom(source: Source) -> np.ndarray:
    """A frame as uint8 RGB (H, W, 3)."""
    dataset, page = _open(source, pixels=True)
    values = _decoded(source, dataset, page)
    try:
        return _converted(dataset, page, values)
    except Exception as error:  # whatever is wrong with the elements that say how to show the values
        raise ValueError(f"{source.label}: the values of the picture cannot be shown ({error})") from error


def _converted(dataset, page: int, values: np.ndarray) -> np.ndarray:
    """Stored values as uint8 RGB."""
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        from pydicom.pixels import apply_color_lut

        colours = apply_color_lut(values, dataset)
        return to_rgb((colours >> 8).astype(np.uint8) if colours.dtype.itemsize > 1 else colours)
    if values.ndim == 3:
        return to_rgb(to_eight_bits(values))
    grey = _grey(dataset, page, values)
    return to_rgb(255 - grey if dataset.PhotometricInterpretation == "MONOCHROME1" else grey)


def dicom_size(source: Source) -> tuple[int, int]:
    """(width, height) from the header."""
    dataset, _ = _open(source, pixels=False)
    return int(dataset.Columns), int(dataset.Rows)


def dicom_spacing(source: Source) -> float | None:
    """Spacing of the pixels in mm; None if the file has none, or another across than down.

    ``PixelSpacing`` goes before ``ImagerPixelSpacing``, which holds at the detector of a projection, so that what lies
    closer to the tube appears larger.
    """
    dataset, page = _open(source, pixels=False)
    measures = _of_frame(dataset, page, "PixelMeasuresSequence")
    spacing = measures.get("PixelSpacing") or dataset.get("PixelSpacing") or dataset.get("ImagerPixelSpacing")
    if not spacing or len(spacing) != 2:
        return None
    down, across = (float(one) for one in spacing)
    if not (down > 0 and across > 0) or abs(down - across) > SAME * down:
        return None
    return across


def _open(source: Source, *, pixels: bool):
    """The data set, and the number of the frame."""
    try:
        import pydicom
    except ImportError as error:
        raise ImportError(f'{source.label} is a DICOM file: pip install "posemachines[dicom]"') from error
    try:
        with source.open() as stream:
            dataset = pydicom.dcmread(stream, force=True, stop_before_pixels=not pixels)
            rows, columns = dataset.get("Rows"), dataset.get("Columns")  # parsed here, while the stream is open
    except Exception as error:  # of many kinds, as damaged files are
        raise ValueError(f"{source.label} is not a readable DICOM file ({error}); it may be truncated") from error
    if not rows or not columns or "PhotometricInterpretation" not in dataset:
        raise ValueError(f"{source.label} holds no picture: it is no DICOM image")
    return dataset, source.page(int(dataset.get("NumberOfFrames") or 1), "frames")


def _decoded(source: Source, dataset, page: int) -> np.ndarray:
    """Stored values of one frame, (H, W) or RGB (H, W, 3)."""
    from pydicom.pixels import pixel_array

    try:
        if "TransferSyntaxUID" not in dataset.file_meta:
            dataset.file_meta.TransferSyntaxUID = _syntax_of_reading(dataset)
        return pixel_array(dataset, index=page)
    except Exception as error:
        syntax = dataset.file_meta.get("TransferSyntaxUID")
        if syntax is not None and syntax.is_compressed:
            raise ValueError(
                f"{source.label} is compressed as {syntax.name}, which cannot be decoded here ({error}); uncompress it "
                "(gdcmconv --raw, dcmdjpeg) or install a decoder: pip install pylibjpeg[all]"
            ) from error
        raise ValueError(f"{source.label} is not a readable DICOM image ({error}); it may be truncated") from error


def _syntax_of_reading(dataset):
    """The transfer syntax of a file without a head, from how it was read."""
    from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

    implicit, little = dataset.original_encoding
    if implicit:
        return ImplicitVRLittleEndian
    return ExplicitVRLittleEndian if little else ExplicitVRBigEndian


def _of_frame(dataset, page: int, sequence: str):
    """The first item of a sequence as it applies to one frame; an empty data set where there is none."""
    from pydicom.dataset import Dataset

    each = dataset.get("PerFrameFunctionalGroupsSequence") or []
    shared = dataset.get("SharedFunctionalGroupsSequence") or []
    for group in [*each[page : page + 1], *shared[:1]]:
        if group.get(sequence):
            return group.get(sequence)[0]
    return Dataset()


def _grey(dataset, page: int, stored: np.ndarray) -> np.ndarray:
    values, changed = _rescaled(dataset, page, stored)
    window = _window(dataset, page)
    if window is not None:
        return _windowed(values, *window)
    if dataset.get("VOILUTSequence"):
        from pydicom.pixels import apply_voi

        bits = int(dataset.VOILUTSequence[0].LUTDescriptor[2])
        return np.rint(apply_voi(values.astype(stored.dtype), dataset) * (255 / (2**bits - 1))).astype(np.uint8)
    bits = int(dataset.BitsStored)
    if bits <= 8 and not changed and not dataset.get("PixelRepresentation"):
        return (values * (255 / (2**bits - 1))).round().astype(np.uint8)
    padding = dataset.get("PixelPaddingValue")
    return to_eight_bits(values, None if padding is None else stored != padding)


def _rescaled(dataset, page: int, stored: np.ndarray) -> tuple[np.ndarray, bool]:
    """Values in the units of the modality, and whether they differ from those that are stored."""
    if dataset.get("ModalityLUTSequence"):
        from pydicom.pixels import apply_modality_lut

        return apply_modality_lut(stored, dataset).astype(np.float64), True
    of_frame = _of_frame(dataset, page, "PixelValueTransformationSequence")
    given = of_frame if "RescaleSlope" in of_frame else dataset
    slope, intercept = (float(given.get(name, usual)) for name, usual in (("RescaleSlope", 1), ("RescaleIntercept", 0)))
    return stored * slope + intercept, (slope, intercept) != (1, 0)


def _window(dataset, page: int) -> tuple[float, float, str] | None:
    """Centre, width and function of the first window; None if the file has none."""
    of_frame = _of_frame(dataset, page, "FrameVOILUTSequence")
    given = of_frame if "WindowCenter" in of_frame else dataset
    centre, width = given.get("WindowCenter"), given.get("WindowWidth")
    if centre is None or width is None or centre == "" or width == "":
        return None
    first = [float(np.atleast_1d(np.asarray(one, float))[0]) for one in (centre, width)]
    function = str(given.get("VOILUTFunction") or "LINEAR")
    return (first[0], first[1], function) if first[1] > (function == "LINEAR") else None


def _windowed(values: np.ndarray, centre: float, width: float, function: str) -> np.ndarray:
    """Values to 0..255 by the functions of PS3.3, C.11.2.1."""
    if function == "SIGMOID":
        share = 1 / (1 + np.exp(-4 * (values - centre) / width))
    elif function == "LINEAR_EXACT":
        share = (values - centre) / width + 0.5
    else:
        share = (values - (centre - 0.5)) / (width - 1) + 0.5
    return np.rint(np.clip(share, 0, 1) * 255).astype(np.uint8)
