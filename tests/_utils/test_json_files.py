"""JSON that is written whole or not at all."""

import json
from pathlib import Path

import numpy as np
import pytest

from posemachines._utils.json_files import plain, write_json


def test_arrays_paths_and_missing_numbers_become_plain():
    value = {1: np.arange(3), "path": Path("a") / "b", "one": np.float32(0.5), "none": [np.nan, float("inf"), (1, "x")]}
    expected = {"1": [0, 1, 2], "path": "a/b", "one": 0.5, "none": [None, None, [1, "x"]]}
    assert plain(value) == expected
    assert json.loads(json.dumps(plain(value), allow_nan=False)) == expected


def test_failure_leaves_the_older_file(tmp_path):
    path = tmp_path / "some.json"
    write_json({"a": np.nan}, path)
    assert json.loads(path.read_text()) == {"a": None}
    with pytest.raises(TypeError):
        write_json({"a": object()}, path)
    assert json.loads(path.read_text()) == {"a": None}
    assert list(tmp_path.iterdir()) == [path]
