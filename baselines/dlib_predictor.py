"""dlib's shape predictor: the usual cascade of regression trees, as its users run it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import cv2
import numpy as np

from posemachines.skeleton import Skeleton

from ._baseline import Baseline

__all__ = ["DlibPredictor"]

FEWEST = 2  # subjects that dlib needs


class DlibPredictor(Baseline):
    """An ensemble of regression trees, trained by dlib (``pip install "posemachines[dlib]"``).

    A peer of :class:`baselines.CascadedRegression`, which is the same method written here; the box of each subject is
    its whole crop.

    Parameters
    ----------
    cascade_depth, tree_depth, n_trees : int, default=10, 4, 500
        dlib's defaults.
    nu : float, default=0.1
        Learning rate.
    oversampling : int, default=20
        Starting poses per subject.
    random_state : int, default=0
    skeleton : str or Skeleton, optional

    Notes
    -----
    dlib has whole pixels: labels are rounded in crops that are enlarged four times, and predictions divided by four.
    dlib takes whole shapes from Python: subjects with a landmark that is not labelled are left out.

    References
    ----------
    .. [1] Kazemi and Sullivan, "One Millisecond Face Alignment with an Ensemble of Regression Trees", CVPR 2014.
    """

    STATE = ("predictor",)
    ENLARGED = 4

    def __init__(
        self,
        *,
        cascade_depth: int = 10,
        tree_depth: int = 4,
        n_trees: int = 500,
        nu: float = 0.1,
        oversampling: int = 20,
        random_state: int = 0,
        skeleton: str | Skeleton | None = None,
    ) -> None:
        self.cascade_depth = cascade_depth
        self.tree_depth = tree_depth
        self.n_trees = n_trees
        self.nu = nu
        self.oversampling = oversampling
        self.random_state = random_state
        self.skeleton = skeleton

    def _fit(self, X, y) -> None:
        dlib = import_dlib()
        options = dlib.shape_predictor_training_options()
        options.cascade_depth, options.tree_depth = self.cascade_depth, self.tree_depth
        options.num_trees_per_cascade_level = self.n_trees
        options.nu, options.oversampling_amount = self.nu, self.oversampling
        options.random_seed, options.num_threads, options.be_verbose = str(self.random_state), 1, False
        whole = (y[..., 2] > 0).all(1)
        if whole.sum() < FEWEST:
            raise ValueError(
                f"dlib needs subjects with every landmark labelled, and {int(whole.sum())} of {len(y)} are; label the "
                "others, select fewer parts, or use 'cascade', which needs no whole subjects"
            )
        X, y = X[whole], y[whole]
        shapes = []
        for joints in y:
            places = np.rint(joints[:, :2] * self.ENLARGED).astype(int)
            points = [dlib.point(*place.tolist()) for place in places]
            shapes.append([dlib.full_object_detection(self._box(dlib, X.shape[1:3]), points)])
        made = dlib.train_shape_predictor([self._enlarged(image) for image in X], shapes, options)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "predictor.dat"
            made.save(str(file))
            self.predictor_ = np.fromfile(file, np.uint8)

    def _predict(self, X) -> np.ndarray:
        dlib = import_dlib()
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "predictor.dat"
            self.predictor_.tofile(file)
            predictor = dlib.shape_predictor(str(file))
        box = self._box(dlib, X.shape[1:3])
        found = [predictor(self._enlarged(image), box) for image in X]
        joints = np.array([[(point.x, point.y) for point in shape.parts()] for shape in found], float)
        return joints.reshape(len(X), -1, 2) / self.ENLARGED

    def _box(self, dlib, shape: tuple[int, int]):
        height, width = shape
        return dlib.rectangle(0, 0, width * self.ENLARGED - 1, height * self.ENLARGED - 1)

    def _enlarged(self, image: np.ndarray) -> np.ndarray:
        """The crop, larger, so that pixel (x, y) of the crop is pixel (4 x, 4 y)."""
        height, width = image.shape[:2]
        grow = np.array([[self.ENLARGED, 0, 0], [0, self.ENLARGED, 0]], float)
        size = (width * self.ENLARGED, height * self.ENLARGED)
        return cv2.warpAffine(image, grow, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    def size(self) -> dict[str, int]:
        """{"bytes": n} of dlib's own file."""
        return {"bytes": len(self.predictor_)}


def import_dlib():
    """The module; ImportError with advice where it is not installed."""
    try:
        import dlib
    except ImportError as error:
        raise ImportError('dlib\'s shape predictor needs dlib; pip install "posemachines[dlib]"') from error
    return dlib
