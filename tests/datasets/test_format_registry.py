"""The formats of labels: each recognises its own files only, and has a reader whose options can be given."""

import inspect
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from posemachines.datasets import load_dataset
from posemachines.datasets.formats import FORMATS, find_labels, get_format, recognise

SUFFIXES = (".json", ".csv", ".xml", ".tps", ".slp", ".h5", ".mat", ".yaml", ".pts", ".txt", ".png")


@pytest.mark.parametrize("format", FORMATS.values(), ids=lambda each: each.name)
def test_every_option_can_be_given(format):
    own = {"path", "images", "format", "groups", "mm_per_pixel", "options"}  # of load_dataset, for all formats
    assert not {*format.options} & own
    assert format.label
    assert get_format(format.name.upper()) is format
    assert format.read.__doc__
    assert inspect.getmodule(format.read).__doc__.count("Trap"), "the docstring names the traps"


@pytest.mark.parametrize("format", FORMATS.values(), ids=lambda each: each.name)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.binary(max_size=200) | st.sampled_from([b"", b"[]", b"{}", b"[1]", b"null", b'"a"', b"<a/>", b"a,b\n"])
)
def test_recognising_never_fails(format, tmp_path, content):
    for suffix in SUFFIXES:
        file = tmp_path / f"file{suffix}"
        file.write_bytes(content)
        seen = format.recognise(file)
        assert seen is None or format.name == "sleap"
    assert format.recognise(tmp_path) is None or format.name in ("pts",)
    assert format.recognise(tmp_path / "none.json") is None


@pytest.mark.parametrize(
    ("name", "full"), [("csv", "deeplabcut"), ("DLC", "deeplabcut"), ("label-studio", "label_studio"), ("300w", "pts")]
)
def test_other_names(name, full):
    assert get_format(name).name == full
    with pytest.raises(ValueError, match=r"format must be one of auto, lspet, .*; got 'voc'"):
        get_format("voc")


def write_coco(file):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"images": [], "annotations": [], "categories": []}))


def test_the_only_labels_of_a_folder_are_found(tmp_path):
    write_coco(tmp_path / "set" / "2022" / "labels.json")
    (tmp_path / "set" / "images").mkdir()
    (tmp_path / "set" / "README.md").write_text("about")
    format, path, seen = find_labels(tmp_path)
    assert (format.name, path) == ("coco", tmp_path / "set" / "2022" / "labels.json")
    assert seen == "read as COCO: it has images, annotations, categories, in set/2022/labels.json"
    assert recognise(path)[0] is format


def test_several_labels_in_a_folder_are_listed(tmp_path):
    for name in ("a.json", "b.json"):
        write_coco(tmp_path / "set" / name)
    with pytest.raises(
        ValueError, match=r"holds 2 files of labels: set/a\.json \(COCO.*set/b\.json .*give one of them"
    ):
        load_dataset(tmp_path)
    with pytest.raises(FileNotFoundError, match="no file or folder"):
        find_labels(tmp_path / "none")
