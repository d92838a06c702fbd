"""With POSEMACHINES_KERNELS=0, the forest runs on the numpy twins and predicts the same."""

import io
import os
import subprocess
import sys

import numpy as np
import pytest

from posemachines.forest import _kernels, features, psi
from posemachines.forest.boosting import BoostedForestClassifier

CODE = """
import sys
import numpy as np
from posemachines.forest import _kernels
from tests.forest.test_kernels_off import results

names = [kernels.__name__.rpartition(".")[2] for kernels in (
    _kernels.context, _kernels.growing, _kernels.image, _kernels.walking
)]
assert names == ["context_twins", "growing_twins", "image_twins", "walking_twins"], names
np.savez(sys.stdout.buffer, *results())
"""


def results():
    """Probabilities, image codes, and codes of the offsets to peaks."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 64, (400, 5), dtype=np.uint8)  # so many that no two splits are equally good
    model = BoostedForestClassifier(3, max_features=3, max_depth=3, random_state=0)
    shares = model.fit(X, (X[:, 1] > 30).astype(int) + (X[:, 3] > 40)).predict_proba(X)
    images = rng.integers(0, 256, (2, 20, 28, 3), dtype=np.uint8)
    peaks = psi.find_peaks(psi.smooth(rng.random((2, 3, 5, 7), dtype=np.float32), 1.0))
    return shares, features.image_codes(images, stride=4), psi.offset_codes(peaks, (5, 7))


@pytest.mark.skipif(not _kernels.ENABLED, reason="the kernels are off in this process, too")
def test_twins_give_the_same_results():
    environment = os.environ | {"POSEMACHINES_KERNELS": "0", "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run([sys.executable, "-c", CODE], check=True, capture_output=True, env=environment)
    off = np.load(io.BytesIO(run.stdout))
    shares, image_codes, offsets = results()
    np.testing.assert_allclose(off["arr_0"], shares, rtol=1e-4, atol=1e-6)
    assert (off["arr_1"] == image_codes).mean() > 0.999
    assert (off["arr_2"] == offsets).mean() > 0.999
