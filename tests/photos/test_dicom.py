"""DICOM files that the tests write."""

import sys

import numpy as np
import pytest

from posemachines.photos import photo_size, pixel_spacing, read_photo

pydicom = pytest.importorskip("pydicom")
from pydicom.dataset import Dataset, FileMetaDataset  # noqa: E402
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless, RLELossless  # noqa: E402

RAMP = np.arange(6 * 8, dtype=np.uint16).reshape(6, 8) * 50


def write(path, values=RAMP, *, photometric="MONOCHROME2", bits=12, syntax=ExplicitVRLittleEndian, **elements):
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = pydicom.uid.SecondaryCaptureImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = "1.2.3"
    dataset.Modality = "OT"
    colour = values.ndim > 2 and values.shape[-1] == 3
    dataset.Rows, dataset.Columns = values.shape[-3:-1] if colour else values.shape[-2:]
    dataset.SamplesPerPixel = 3 if colour else 1
    if colour:
        dataset.PlanarConfiguration = 0
    dataset.PhotometricInterpretation = photometric
    dataset.BitsAllocated = 8 * values.itemsize
    dataset.BitsStored, dataset.HighBit = bits, bits - 1
    dataset.PixelRepresentation = int(values.dtype.kind == "i")
    if values.ndim == 3 and not colour:
        dataset.NumberOfFrames = len(values)
    for name, value in elements.items():
        setattr(dataset, name, value)
    dataset.PixelData = values.tobytes()
    if syntax == RLELossless:
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.compress(RLELossless)
    elif syntax.is_compressed:
        dataset.PixelData = pydicom.encaps.encapsulate([values.tobytes()])
        dataset["PixelData"].VR = "OB"
    dataset.save_as(path, enforce_file_format=True)
    return path


def item(**elements):
    dataset = Dataset()
    for name, value in elements.items():
        setattr(dataset, name, value)
    return dataset


def test_the_window_is_applied(tmp_path):
    path = write(tmp_path / "a.dcm", WindowCenter=1000, WindowWidth=401)
    expected = np.clip(((RAMP - 999.5) / 400 + 0.5) * 255, 0, 255)
    np.testing.assert_allclose(read_photo(path)[..., 0], expected, atol=0.51)
    assert photo_size(path) == (8, 6)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("LINEAR_EXACT", np.clip((RAMP - 1000.0) / 400 + 0.5, 0, 1)),
        ("SIGMOID", 1 / (1 + np.exp(-4 * (RAMP - 1000.0) / 400))),
    ],
)
def test_other_functions_of_windows(tmp_path, function, expected):
    path = write(tmp_path / "a.dcm", WindowCenter=[1000, 5], WindowWidth=[400, 5], VOILUTFunction=function)
    np.testing.assert_allclose(read_photo(path)[..., 0], expected * 255, atol=0.51)


def test_values_are_rescaled_before_the_window(tmp_path):
    path = write(tmp_path / "a.dcm", RescaleSlope=2, RescaleIntercept=-1024, WindowCenter=976, WindowWidth=801)
    expected = np.clip(((RAMP * 2.0 - 1024 - 975.5) / 800 + 0.5) * 255, 0, 255)
    np.testing.assert_allclose(read_photo(path)[..., 0], expected, atol=0.51)


def test_without_a_window_percentiles_count(tmp_path):
    found = read_photo(write(tmp_path / "a.dcm"))[..., 0]
    assert (found[0, 0], found[-1, -1]) == (0, 255)
    padded = RAMP.astype(np.int16) + 100
    padded[0] = -2000
    found = read_photo(write(tmp_path / "a.dcm", padded, bits=16, PixelPaddingValue=-2000))[..., 0]
    assert not found[0].any()
    assert found[1, 4] < 30, "padding does not set the scale"


def test_inverted_greys(tmp_path):
    usual, inverted = (
        read_photo(write(tmp_path / "a.dcm", photometric=kind, WindowCenter=1000, WindowWidth=2000))
        for kind in ("MONOCHROME2", "MONOCHROME1")
    )
    np.testing.assert_array_equal(inverted, 255 - usual)


def test_pictures_of_eight_bits_stay(tmp_path, rng):
    grey = rng.integers(40, 90, (6, 8), np.uint8)
    np.testing.assert_array_equal(read_photo(write(tmp_path / "a.dcm", grey, bits=8))[..., 2], grey)
    colour = rng.integers(0, 255, (6, 8, 3), np.uint8)
    path = write(tmp_path / "a.dcm", colour, bits=8, photometric="RGB")
    np.testing.assert_array_equal(read_photo(path), colour)


def test_a_lookup_table_instead_of_a_window(tmp_path):
    table = item(LUTDescriptor=[4096, 0, 8], LUTData=np.tile(np.arange(256, dtype="<u2"), 16).tobytes())
    table["LUTData"].VR = "OW"
    path = write(tmp_path / "a.dcm", VOILUTSequence=[table])
    np.testing.assert_array_equal(read_photo(path)[..., 0], RAMP % 256)


def test_elements_that_cannot_be_understood_are_named(tmp_path):
    table = item(LUTDescriptor=[4096, 0, 8], LUTData=bytes(100))
    table["LUTData"].VR = "OW"
    with pytest.raises(ValueError, match="cannot be shown"):
        read_photo(write(tmp_path / "a.dcm", VOILUTSequence=[table]))


def test_palettes(tmp_path, rng):
    indices = rng.integers(0, 4, (6, 8), np.uint8)
    colours = rng.integers(0, 2**16, (3, 4)).astype("<u2")
    elements = {}
    for name, values in zip(("Red", "Green", "Blue"), colours, strict=True):
        elements[f"{name}PaletteColorLookupTableDescriptor"] = [4, 0, 16]
        elements[f"{name}PaletteColorLookupTableData"] = values.tobytes()
    path = write(tmp_path / "a.dcm", indices, bits=8, photometric="PALETTE COLOR", **elements)
    np.testing.assert_array_equal(read_photo(path), (colours.T >> 8).astype(np.uint8)[indices])


def test_a_frame_must_be_named(tmp_path):
    path = write(tmp_path / "a.dcm", np.stack([RAMP, RAMP[::-1], RAMP[:, ::-1]]), WindowCenter=1000, WindowWidth=2000)
    np.testing.assert_array_equal(read_photo(f"{path}#page=1")[::-1], read_photo(f"{path}#page=0"))
    for function in (read_photo, photo_size, pixel_spacing):
        with pytest.raises(ValueError, match=r"has 3 frames; name one, counted from 0: .*a.dcm#page=0"):
            function(path)
        with pytest.raises(ValueError, match="no page 3"):
            function(f"{path}#page=3")


def test_settings_of_single_frames(tmp_path):
    groups = [
        item(
            FrameVOILUTSequence=[item(WindowCenter=centre, WindowWidth=401)],
            PixelValueTransformationSequence=[item(RescaleSlope=slope, RescaleIntercept=0)],
        )
        for centre, slope in ((1000, 1), (2000, 2))
    ]
    shared = item(PixelMeasuresSequence=[item(PixelSpacing=[0.2, 0.2])])
    path = write(
        tmp_path / "a.dcm",
        np.stack([RAMP, RAMP]),
        PerFrameFunctionalGroupsSequence=groups,
        SharedFunctionalGroupsSequence=[shared],
    )
    for page, (centre, slope) in enumerate(((1000, 1), (2000, 2))):
        expected = np.clip(((RAMP * float(slope) - centre + 0.5) / 400 + 0.5) * 255, 0, 255)
        np.testing.assert_allclose(read_photo(f"{path}#page={page}")[..., 0], expected, atol=0.51)
        assert pixel_spacing(f"{path}#page={page}") == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ({}, None),
        ({"PixelSpacing": [0.1, 0.1]}, 0.1),
        ({"ImagerPixelSpacing": [0.143, 0.143]}, 0.143),
        ({"PixelSpacing": [0.1, 0.1], "ImagerPixelSpacing": [0.2, 0.2]}, 0.1),
        ({"PixelSpacing": [0.1, 0.2]}, None),
        ({"PixelSpacing": [0, 0]}, None),
    ],
)
def test_spacing(tmp_path, elements, expected):
    assert pixel_spacing(write(tmp_path / "a.dcm", **elements)) == expected


def test_files_are_recognised_by_their_content(tmp_path):
    path = write(tmp_path / "IM0001", WindowCenter=1000, WindowWidth=2000)
    assert read_photo(path).shape == (6, 8, 3)


@pytest.mark.parametrize("implicit", [True, False])
def test_files_without_a_head(tmp_path, implicit):
    path = write(tmp_path / "a.dcm", WindowCenter=1000, WindowWidth=2000)
    expected = read_photo(path)
    dataset = pydicom.dcmread(path)
    del dataset.file_meta
    dataset.preamble = None
    dataset.save_as(path, implicit_vr=implicit, little_endian=True)
    assert path.read_bytes()[128:132] != b"DICM"
    np.testing.assert_array_equal(read_photo(path), expected)


def test_compressed_files(tmp_path):
    plain = read_photo(write(tmp_path / "a.dcm", WindowCenter=1000, WindowWidth=2000))
    packed = read_photo(write(tmp_path / "b.dcm", syntax=RLELossless, WindowCenter=1000, WindowWidth=2000))
    np.testing.assert_array_equal(plain, packed)
    for syntax, name in ((JPEGLSLossless, "JPEG-LS"), (JPEG2000Lossless, "JPEG 2000")):
        with pytest.raises(ValueError, match=rf"(?s)compressed as {name}.*uncompress it .*gdcmconv"):
            read_photo(write(tmp_path / "c.dcm", syntax=syntax))


def test_what_is_no_picture_is_refused(tmp_path):
    (tmp_path / "a.dcm").write_bytes(b"nonsense" * 100)
    with pytest.raises(ValueError, match=r"no DICOM image|not a readable DICOM"):
        read_photo(tmp_path / "a.dcm")
    whole = write(tmp_path / "b.dcm").read_bytes()
    (tmp_path / "b.dcm").write_bytes(whole[:-40])
    with pytest.raises(ValueError, match="truncated"):
        read_photo(tmp_path / "b.dcm")


def test_without_pydicom_the_extra_is_named(tmp_path, monkeypatch):
    path = write(tmp_path / "a.dcm")
    monkeypatch.setitem(sys.modules, "pydicom", None)
    for function in (read_photo, photo_size, pixel_spacing):
        with pytest.raises(ImportError, match=r'pip install "posemachines\[dicom\]"'):
            function(path)
