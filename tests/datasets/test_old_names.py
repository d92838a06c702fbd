"""Old names still work, with a warning."""

import numpy as np
import pytest

from posemachines import PoseDataset

from .formats import FORK


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"rule": "photo"}, {"crop_rule": "photo"}),
        ({"fill": 0.5}, {"padding": 2.0}),
        ({"reference": range(6)}, {"reference_length": range(6)}),
        (
            {"rule": "given", "frame": "cpm", "centre": [[9, 9]] * 6, "scale": [5] * 6, "fill": 0.8},
            {"crop_rule": "cpm", "centre": [[9, 9]] * 6, "person_size": [5] * 6, "padding": 1.25},
        ),
        ({"rule": "given", "centre": [[9, 9]] * 6, "scale": [5] * 6},
         {"crop_rule": "given", "centre": [[9, 9]] * 6, "person_size": [5] * 6}),
    ],
)  # fmt: skip
def test_old_keywords(photos, joints, old, new):
    with pytest.warns(DeprecationWarning, match="is deprecated"):
        before = PoseDataset(photos, joints, FORK, **old)
    now = PoseDataset(photos, joints, FORK, **new)
    for name, value in vars(now).items():
        if name != "photos":
            np.testing.assert_array_equal(getattr(before, name), value, err_msg=name)


def test_an_old_keyword_with_its_new_one_is_refused(photos, joints):
    with pytest.warns(DeprecationWarning, match="fill"), pytest.raises(TypeError, match="both fill= and padding="):
        PoseDataset(photos, joints, FORK, fill=0.5, padding=2)


def test_old_attributes(photos, joints):
    people = PoseDataset(photos, joints, FORK, crop_rule="cpm", centre=[[9, 9]] * 6, person_size=[5] * 6, padding=1.25)
    with pytest.warns(DeprecationWarning, match="is deprecated"):
        assert (people.rule, people.frame, people.fill, people.reference) == ("given", "cpm", 0.8, None)
    with pytest.warns(DeprecationWarning, match="use person_size"):
        assert list(people.scale) == [5] * 6


def test_old_splits(people, pairs):
    with pytest.warns(DeprecationWarning, match="split"):
        first, second = people.split(4)
    assert (len(first), len(second)) == (4, 2)
    np.testing.assert_array_equal(first.joints, people.joints[:4])
    with pytest.warns(DeprecationWarning, match="split"):
        first, second = people.split(0.5, random_state=3)
    order = np.random.default_rng(3).permutation(6)
    np.testing.assert_array_equal(first.joints, people.joints[order[:3]])
    with pytest.warns(DeprecationWarning, match="split_photos"):
        first, second = pairs.split_photos(0.67)
    assert (len(first), len(second)) == (4, 2)
