import struct
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from posemachines.conv.convert import caffe_files
from posemachines.conv.convert.caffe_files import CaffeLayer, read_caffemodel, read_prototxt, write_caffemodel

# -- a small writer of the wire format, independent of protobuf ----------------------------------------------------


def varint(number):
    groups = [number & 127]
    while number := number >> 7:
        groups.append(number & 127)
    return bytes(group | 128 for group in groups[:-1]) + bytes(groups[-1:])


def whole(field, number):
    return varint(field << 3) + varint(number)


def chunk(field, content):
    content = content.encode() if isinstance(content, str) else content
    return varint(field << 3 | 2) + varint(len(content)) + content


def floats(numbers, code="f"):
    return struct.pack(f"<{len(numbers)}{code}", *numbers)


def blob(shape, numbers):
    """BlobProto with a BlobShape."""
    return chunk(7, chunk(1, b"".join(map(varint, shape)))) + chunk(5, floats(numbers))


def old_blob(shape, numbers, *, double=False):
    """BlobProto with num, channels, height and width."""
    sides = b"".join(whole(field, side) for field, side in enumerate(shape, 1))
    return sides + (chunk(8, floats(numbers, "d")) if double else chunk(5, floats(numbers)))


def layer(name, *blobs, kind="Convolution"):
    """A LayerParameter in a NetParameter."""
    return chunk(100, chunk(1, name) + chunk(2, kind) + b"".join(chunk(7, each) for each in blobs))


def old_layer(name, *blobs):
    """A V1LayerParameter in a NetParameter."""
    return chunk(2, chunk(4, name) + whole(5, 4) + b"".join(chunk(6, each) for each in blobs))


SMALL = (
    chunk(1, "small")
    + layer("data", kind="CPMData")
    + layer("one", blob((2, 3, 1, 1), range(6)), blob((2,), (7, 8)))
    + layer("relu", kind="ReLU")
    + layer("two", blob((1, 2, 1, 2), range(4)))
)


def stored(tmp_path, content, name="weights.caffemodel"):
    path = tmp_path / name
    path.write_bytes(content)
    return path


# -- weights --------------------------------------------------------------------------------------------------------


def test_handmade_bytes_are_read(tmp_path):
    layers = read_caffemodel(stored(tmp_path, SMALL))
    assert list(layers) == ["one", "two"]
    weight, bias = layers["one"]
    assert weight.dtype == bias.dtype == np.float32
    assert np.array_equal(weight, np.arange(6).reshape(2, 3, 1, 1))
    assert np.array_equal(bias, [7, 8])
    assert np.array_equal(layers["two"][0], np.arange(4).reshape(1, 2, 1, 2))
    assert layers["two"][1] is None
    weight += 1  # the arrays are writable


@pytest.mark.parametrize("double", [False, True])
def test_handmade_bytes_in_the_legacy_format_are_read(tmp_path, double):
    blobs = old_blob((2, 3, 1, 1), range(6), double=double), old_blob((1, 1, 1, 2), (7, 8), double=double)
    layers = read_caffemodel(stored(tmp_path, old_layer("one", *blobs)))
    assert np.array_equal(layers["one"][0], np.arange(6).reshape(2, 3, 1, 1))
    assert np.array_equal(layers["one"][1], [7, 8])
    assert layers["one"][0].dtype == np.float32


def test_unknown_fields_are_skipped_and_values_may_be_split(tmp_path):
    unknown = whole(9, 3) + chunk(200, "unknown") + varint(201 << 3 | 5) + floats([1]) + varint(33 << 3 | 1) + bytes(8)
    pieces = chunk(7, chunk(1, b"\x01\x02") + unknown) + chunk(5, floats([1])) + unknown + chunk(5, floats([2]))
    content = unknown + chunk(100, unknown + chunk(1, "one") + chunk(7, pieces + chunk(6, floats([9, 9]))))
    assert np.array_equal(read_caffemodel(stored(tmp_path, content))["one"][0], [[1, 2]])


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("double", [False, True])
def test_round_trip(tmp_path, legacy, double, rng):
    layers = {
        "one": (rng.normal(size=(2, 3, 1, 5)).astype(np.float32), rng.normal(size=2).astype(np.float32)),
        "two": (rng.normal(size=(1, 2, 3, 3)).astype(np.float32), None),
    }
    path = tmp_path / "new" / "weights.caffemodel"
    write_caffemodel(path, layers, legacy=legacy, double=double)
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    for name, (weight, bias) in read_caffemodel(path).items():
        assert np.array_equal(weight, layers[name][0])
        assert np.array_equal(bias, layers[name][1]) if name == "one" else bias is None


def test_written_bytes_equal_handmade_ones(tmp_path):
    arrays = np.arange(6, dtype=np.float32).reshape(2, 3, 1, 1), np.array([7, 8], np.float32)
    blobs = [(array.shape, array.ravel()) for array in arrays]
    path = tmp_path / "weights.caffemodel"
    write_caffemodel(path, {"one": arrays})
    assert sorted(path.read_bytes()) == sorted(
        chunk(1, "posemachines") + layer("one", *(blob(*each) for each in blobs))
    )  # sorted, since the order of the fields may differ
    old = [((2, 3, 1, 1), arrays[0].ravel()), ((1, 1, 1, 2), arrays[1])]
    write_caffemodel(path, {"one": arrays}, legacy=True)
    by_hand = chunk(1, "posemachines") + old_layer("one", *(old_blob(*each) for each in old))
    assert sorted(path.read_bytes()) == sorted(by_hand)


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = stored(tmp_path, b"old")
    with pytest.raises(ValueError, match="could not convert"):
        write_caffemodel(path, {"one": (np.array([["no number"]]), None)})
    monkeypatch.setattr("pathlib.Path.write_bytes", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_caffemodel(path, {"one": (np.ones((1, 1, 1, 1)), None)})
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00",
        b"<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head></html>",
        b"\n\n<html><body>Moved</body></html>",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 125000000\n",
        b"\x89HDF\r\n\x1a\n" + bytes(32),
        b"PK\x03\x04" + bytes(64),
        bytes(1000),
        b"\xff" * 100,
        varint(100 << 3 | 2) + varint(2**31 - 1) + b"short",
        varint(100 << 3 | 2) + varint(2**63) + b"short",
        varint(100 << 3 | 3) * 10_000,
        chunk(1, "a net") + layer("relu", kind="ReLU"),
    ],
    ids=[
        "empty",
        "png",
        "html",
        "html-later",
        "lfs",
        "hdf5",
        "zip",
        "zeros",
        "ones",
        "length",
        "longer",
        "deep",
        "bare",
    ],
)
def test_other_files_are_rejected(tmp_path, content):
    path = stored(tmp_path, content)
    with pytest.raises(ValueError, match=r"weights\.caffemodel is not a \.caffemodel") as error:
        read_caffemodel(path)
    assert f"{len(content)} bytes and starts with {content[:16]!r}" in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (layer("one", blob((2, 3, 1, 1), range(5))), r"layer 'one' has 5 values for an array of shape \(2, 3, 1, 1\)"),
        (layer("one", blob((2**62, 2**62), range(5))), "has 5 values for an array of shape"),
        (layer("one", blob((2**64 - 2, 2**64 - 3), range(6))), r"has 6 values for an array of shape \(-2, -3\)"),
        (layer("one", blob((0, 3), ())), r"has an array of shape \(0, 3\) without values"),
        (layer("one", chunk(7, chunk(1, b"\x02"))), r"has an array of shape \(2,\) without values"),
        (layer("one", chunk(7, chunk(1, b"\x01")) + chunk(5, b"12345")), "has 1 values for an array"),
        (layer("one", chunk(5, floats([1]))), r"has 1 values for an array of shape \(0, 0, 0, 0\)"),
        (layer("one", blob((2,), (1, np.nan))), "layer 'one' has weights that are infinite or NaN"),
        (layer("one", old_blob((1, 1, 1, 1), (1e300,), double=True)), "infinite or NaN"),
        (layer("one", *[blob((1,), (1,))] * 3), "layer 'one' has 3 arrays; expected weights and optionally biases"),
        (layer("one", blob((1,), (1,))) * 2, "has two layers named 'one'"),
        (chunk(100, chunk(1, b"\xff\n") + chunk(7, b"")), r"layer '\\\\xff\\n' has an array"),
    ],
)
def test_malformed_weights_are_rejected(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        read_caffemodel(stored(tmp_path, content))


def read_or_reject(path):
    """Layers of a file, or {} if it raises a ValueError; any other error fails the test."""
    try:
        return read_caffemodel(path)
    except ValueError:
        return {}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)
@given(length=st.integers(0, len(SMALL) - 1))
def test_a_truncated_file_is_rejected_or_gives_its_complete_layers(tmp_path, length):
    found = read_or_reject(stored(tmp_path, SMALL[:length]))
    assert list(found) in ([], ["one"])
    for weight, bias in found.values():
        assert weight.shape == (2, 3, 1, 1)
        assert bias.shape == (2,)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)
@given(place=st.integers(0, len(SMALL) - 1), change=st.binary(min_size=1, max_size=12), keep=st.booleans())
def test_damaged_bytes_give_finite_arrays_or_a_value_error(tmp_path, place, change, keep):
    damaged = SMALL[:place] + change + SMALL[place + (0 if keep else len(change)) :]
    for weight, bias in read_or_reject(stored(tmp_path, damaged)).values():
        assert np.isfinite(weight).all()
        assert bias is None or bias.ndim == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(content=st.binary(max_size=200))
def test_random_bytes_are_rejected(tmp_path, content):
    assert read_or_reject(stored(tmp_path, content)) == {}


def test_the_error_without_protobuf_says_what_to_install(tmp_path, monkeypatch):
    caffe_files._protobuf.cache_clear()
    monkeypatch.setitem(sys.modules, "google.protobuf", None)
    for function in (read_caffemodel, read_prototxt, lambda path: write_caffemodel(path, {})):
        with pytest.raises(ImportError, match=r'pip install "posemachines\[caffe\]"'):
            function(tmp_path / "weights.caffemodel")


def test_missing_files(tmp_path):
    for function in (read_caffemodel, read_prototxt):
        with pytest.raises(FileNotFoundError):
            function(tmp_path / "none.caffemodel")


# -- descriptions ---------------------------------------------------------------------------------------------------


def test_a_description_is_read(tmp_path):
    text = """
    name: "net"  # a comment
    layer { name: "data" type: "CPMData" top: "data" top: "label" include { phase: TRAIN }
            cpm_transform_param { stride: 8 nested { deep: [1, 2] word: ENUM } } }
    layer { name: "one" type: "Convolution" bottom: "data" top: "one"
            convolution_param { num_output: 7 pad: 4 kernel_size: 9 weight_filler { type: "gaussian" std: 0.01 } } }
    layer { name: "two" type: "Convolution" bottom: "one" top: "two"
            convolution_param { num_output: 8 kernel_h: 3 kernel_w: 5 pad_h: 1 pad_w: 2 stride: 2 } }
    layer { name: "three" type: "Pooling" bottom: "two" top: "three" pooling_param { kernel_size: 3 stride: 2 } }
    layer { name: "four" type: "Pooling" bottom: "two" top: "four" pooling_param { pool: AVE kernel_size: 9 pad: 1 } }
    layer { name: "five" type: "Convolution" convolution_param { num_output: 1 kernel_size: 3 kernel_size: 5 } }
    """
    path = stored(tmp_path, text.encode(), "net.prototxt")
    assert read_prototxt(path) == [
        CaffeLayer("data", "CPMData", (), ("data", "label")),
        CaffeLayer("one", "Convolution", ("data",), ("one",), 7, (9, 9), (4, 4), (1, 1)),
        CaffeLayer("two", "Convolution", ("one",), ("two",), 8, (3, 5), (1, 2), (2, 2)),
        CaffeLayer("three", "Pooling", ("two",), ("three",), 0, (3, 3), (0, 0), (2, 2), "MAX"),
        CaffeLayer("four", "Pooling", ("two",), ("four",), 0, (9, 9), (1, 1), (1, 1), "AVE"),
        CaffeLayer("five", "Convolution", (), (), 1, (3, 5), (0, 0), (1, 1)),
    ]


def test_a_description_in_the_legacy_format_is_read(tmp_path):
    text = 'layers { name: "one" type: CONVOLUTION blobs_lr: 1 convolution_param { num_output: 2 kernel_size: 3 } }'
    text += (
        'layers { name: "two" type: EUCLIDEAN_LOSS } layers { name: "three" type: POOLING pooling_param { pool: MAX } }'
    )
    layers = read_prototxt(stored(tmp_path, text.encode(), "net.prototxt"))
    assert layers[0] == CaffeLayer("one", "Convolution", (), (), 2, (3, 3), (0, 0), (1, 1))
    assert [layer.type for layer in layers[1:]] == ["EuclideanLoss", "Pooling"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "describes no layers"),
        (
            b'net: "pose_train_test.prototxt" base_lr: 0.00008 solver_mode: GPU',
            "describes no layers; .* of a solver",
        ),
        (b"<html>404</html>", "is not a .prototxt"),
        (b"layer { name: 3", "is not a .prototxt"),
        (b"\xff\xfe\x00", "is not a .prototxt"),
        (b"layer { " + b"a { " * 20_000, "is not a .prototxt"),
        (b'layer { type: "Pooling" pooling_param { pool: MEDIAN } }', "is not a .prototxt"),
    ],
)
def test_other_files_are_not_descriptions(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        read_prototxt(stored(tmp_path, content, "net.prototxt"))
