import inspect
import warnings

import pytest
from sklearn.base import BaseEstimator, clone

from posemachines._utils.deprecation import renamed_keyword


@renamed_keyword(visible="labelled", frame="crop_rule")
def measure(joints, *, labelled=None, crop_rule="joints"):
    """Measure the joints."""
    return joints, labelled, crop_rule


class Estimator(BaseEstimator):
    @renamed_keyword(scales="tta_scales")
    def __init__(self, n_stages=3, *, tta_scales=(1.0,)):
        self.n_stages = n_stages
        self.tta_scales = tta_scales


def test_the_new_name_does_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert measure(1, labelled=2, crop_rule="box") == (1, 2, "box")


def test_the_old_name_warns_where_it_is_used():
    with pytest.warns(DeprecationWarning, match=r"measure\(visible=\).*labelled=") as record:
        assert measure(1, visible=2) == (1, 2, "joints")
    assert record[0].filename == __file__
    with pytest.warns(DeprecationWarning, match="is deprecated") as record:
        assert measure(1, visible=None, frame="box") == (1, None, "box")
    assert len(record) == 2


def test_both_names_are_rejected():
    with pytest.raises(TypeError, match=r"measure\(\) got both labelled= and its old name visible="):
        measure(1, visible=2, labelled=3)


def test_the_signature_shows_new_names_only():
    assert [*inspect.signature(measure).parameters] == ["joints", "labelled", "crop_rule"]
    assert measure.__doc__ == "Measure the joints."


def test_estimators_keep_their_parameters():
    with pytest.warns(DeprecationWarning, match=r"Estimator\(scales=\).*tta_scales=") as record:
        estimator = Estimator(2, scales=(1.0, 1.2))
    assert record[0].filename == __file__
    assert estimator.get_params() == {"n_stages": 2, "tta_scales": (1.0, 1.2)}
    assert clone(estimator).tta_scales == (1.0, 1.2)
