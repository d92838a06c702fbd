"""References to pictures in files."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posemachines.photos import reference, split_reference

NUMBERS = st.none() | st.integers(0, 10**6)


@given(
    st.sampled_from(["a/stack.tif", "film 1.mp4", "ü#1.png", "C:\\a\\b.png"]),
    NUMBERS,
    NUMBERS,
    st.booleans(),
    st.booleans(),
)
def test_round_trip(path, page, frame, picture, stored):
    options = {"page": page, "frame": frame, "picture": picture, "stored": stored}
    given_ones = {name: value for name, value in options.items() if value is not None and value is not False}
    assert split_reference(reference(path, **options)) == (Path(path), given_ones)


def test_options_are_added_to_a_reference():
    assert reference("a.tif#page=3", stored=True) == "a.tif#page=3&stored"
    assert reference(Path("a.tif")) == "a.tif"


def test_an_existing_file_is_a_plain_path(tmp_path):
    odd = tmp_path / "fish#stored"
    odd.touch()
    assert split_reference(odd) == (odd, {})
    assert split_reference(reference(odd, page=1)) == (odd, {"page": 1})
    missing = tmp_path / "fish#1.png"
    assert split_reference(missing) == (missing, {})


def test_mistakes_are_named(tmp_path):
    (tmp_path / "a.tif").touch()
    for tail in ("pag=1", "page=-1", "page=x", "page"):
        with pytest.raises(ValueError, match=r"unknown option .* known are #page=N"):
            split_reference(f"{tmp_path}/a.tif#{tail}")
    for number in (-1, 0.5, True):
        with pytest.raises(ValueError, match="counted from 0"):
            reference("a.tif", page=number)
