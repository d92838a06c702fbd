"""Cascaded regression of the pose by trees on pixel differences."""

from __future__ import annotations

import cv2
import numpy as np
from sklearn.tree import ExtraTreeRegressor
from sklearn.utils import check_random_state

from posemachines.skeleton import Skeleton
from posemachines.training.copies import add_copies

from ._baseline import Baseline

__all__ = ["CascadedRegression"]

AT_ONCE = 64  # subjects per batch
SMOOTHING = 3.0  # px; standard deviation
START_POSES, MOST_STARTS = 2000, 20  # starting poses in all that "auto" aims at; as many per subject as in the paper
LEAST_SPREAD = 0.7  # of the mean pose of mirrored crops, relative to that of the crops as they are
LEAST_EXTENT = 1e-6  # px^2; a smaller pose has no angle


class CascadedRegression(Baseline):
    """Cascaded regression: a pose that starts at the mean and is corrected level by level.

    Every level is a sum of regression trees that move all joints at once. Each split compares the brightness of two
    pixels, whose positions are relative to the joints of the current pose and rotate with it. This is the method of
    dlib's shape predictor, known from facial landmarks.

    Parameters
    ----------
    n_levels : int, default=10
        Each with new pixels around the poses of the level before.
    n_trees : int, default=100
        Trees per level, each fitted to the residuals of those before it.
    depth : int, default=5
        Splits from the root of a tree to a leaf.
    shrinkage : float, default=0.1
        Learning rate: fraction of each tree's correction that is applied.
    n_pixels, n_pairs : int
        Pixels per level, and the pairs of them that are compared; close pixels are paired more often.
    n_candidates : int, default=20
        Pairs, each with a random threshold, among which the split of a node is chosen.
    sample : float, default=0.25
        Fraction of the subjects on which each tree is grown.
    n_starts : int or "auto", default="auto"
        Starting poses per training subject: the mean, then poses between it and those of other subjects. "auto" gives
        2,000 starting poses in all, but at most 20 per subject: with fewer, the trees learn few subjects by heart.
    mirrored : bool or "auto", default="auto"
        Also train on mirrored crops if the skeleton has pairs. "auto" does so unless the subjects face one way, so that
        their mean pose, at which every prediction starts, would collapse: its spread must stay above 0.7 of the former.
    random_state : int, default=0
    skeleton : str or Skeleton, optional

    Notes
    -----
    Deviations from the paper [1]_: corrections are made in the frame of the current pose, as in [2]_, with its angle
    only, since crops are already scaled to the subject; pixels are compared in smoothed images; the trees are
    scikit-learn's, each grown on a sample of the subjects; the pairs of a level are drawn once and shared by its trees.
    Unlabelled joints have no weight: a leaf moves a joint by the mean over the subjects in which it is labelled.

    References
    ----------
    .. [1] Kazemi and Sullivan, "One Millisecond Face Alignment with an Ensemble of Regression Trees", CVPR 2014.
    .. [2] Dollar, Welinder and Perona, "Cascaded Pose Regression", CVPR 2010.
    """

    STATE = ("mean", "joints", "offsets", "pairs", "questions", "thresholds", "moves")

    def __init__(
        self,
        *,
        n_levels: int = 10,
        n_trees: int = 100,
        depth: int = 5,
        shrinkage: float = 0.1,
        n_pixels: int = 400,
        n_pairs: int = 400,
        n_candidates: int = 20,
        sample: float = 0.25,
        n_starts: int | str = "auto",
        mirrored: bool | str = "auto",
        random_state: int = 0,
        skeleton: str | Skeleton | None = None,
    ) -> None:
        self.n_levels = n_levels
        self.n_trees = n_trees
        self.depth = depth
        self.shrinkage = shrinkage
        self.n_pixels = n_pixels
        self.n_pairs = n_pairs
        self.n_candidates = n_candidates
        self.sample = sample
        self.n_starts = n_starts
        self.mirrored = mirrored
        self.random_state = random_state
        self.skeleton = skeleton

    # -- training ---------------------------------------------------------------------------------------------------

    def _fit(self, X, y) -> None:
        self._check_settings()
        rng = check_random_state(self.random_state)
        if self.mirrored:
            unused = np.random.default_rng(self.random_state)  # mirroring draws nothing
            both = add_copies(X, y.astype(np.float32), self.skeleton_, n_augmented=2, rng=unused)
            if self.mirrored != "auto" or _spread_of_mean(both[1]) > LEAST_SPREAD * _spread_of_mean(y):
                X, y, _ = both
        n_starts = self.n_starts
        if n_starts == "auto":
            n_starts = int(np.clip(round(START_POSES / len(X)), 1, MOST_STARTS))
        labelled = y[..., 2] > 0
        truth = np.where(labelled, _complex(y[..., :2].astype(float)), 0)
        self.mean_ = truth.sum(0) / labelled.sum(0)
        grey = _grey(X)
        people = np.tile(np.arange(len(X)), n_starts)
        poses = self._starts(truth, labelled, n_starts, rng)
        levels = []
        for _ in range(self.n_levels):
            pixels = self._choose_pixels(rng)
            frames = _frames(poses, self.mean_)
            seen = _differences(grey, people, poses, frames, *pixels)
            left = np.where(labelled[people], (truth[people] - poses) / frames[:, None], 0)
            trees, moved = self._grow(seen, left, labelled[people], rng)
            poses = poses + frames[:, None] * moved
            levels.append((*pixels, *trees))
        kept = [np.stack(arrays) for arrays in zip(*levels, strict=True)]
        self.joints_, self.offsets_, self.pairs_, self.questions_, self.thresholds_, self.moves_ = kept

    def _check_settings(self) -> None:
        """Raise ValueError for parameters out of range."""
        if isinstance(self.mirrored, str) and self.mirrored != "auto":
            raise ValueError(f"mirrored must be True, False or 'auto'; got {self.mirrored!r}")
        for name in ("n_levels", "n_trees", "depth", "n_pairs", "n_candidates", "n_starts"):
            if name == "n_starts" and self.n_starts == "auto":
                continue
            if isinstance(getattr(self, name), str) or getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1; got {getattr(self, name)}")
        if self.n_pixels < 2:
            raise ValueError(f"n_pixels must be at least 2; got {self.n_pixels}")
        for name in ("shrinkage", "sample"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} must be above 0 and at most 1; got {getattr(self, name)}")

    def _starts(self, truth, labelled, n_starts: int, rng) -> np.ndarray:
        """Starting poses, complex (n_starts * N, P): the mean, then poses between it and that of another subject."""
        starts = [np.tile(self.mean_, (len(truth), 1))]
        for _ in range(n_starts - 1):
            other, share = rng.permutation(len(truth)), rng.uniform(0, 1, (len(truth), 1))
            away = np.where(labelled[other], truth[other] - self.mean_, 0)
            starts.append(self.mean_ + share * away)
        return np.concatenate(starts)

    def _choose_pixels(self, rng) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Joint of each pixel (K,), offset from it (K,), complex, and the pairs that are compared (D, 2)."""
        parts = np.stack([self.mean_.real, self.mean_.imag], 1)
        low, high = parts.min(0), parts.max(0)
        margin = 0.1 * (high - low).max()
        places = _complex(rng.uniform(low - margin, high + margin, (self.n_pixels, 2)))
        nearest = np.abs(places[:, None] - self.mean_).argmin(1)
        apart = np.abs(places[:, None] - places)
        odds = np.exp(-10 * apart / max(apart.max(), LEAST_EXTENT))  # the paper's prior on the distance of a pair
        np.fill_diagonal(odds, 0)
        chosen = rng.choice(odds.size, self.n_pairs, p=odds.ravel() / odds.sum())
        pairs = np.stack(np.unravel_index(chosen, odds.shape), 1)
        return nearest, places - self.mean_[nearest], pairs

    def _grow(self, seen, left, labelled, rng):
        """The trees of a level, as arrays, and the corrections of the training poses (M, P)."""
        n_people, n_parts = left.shape
        moved = np.zeros_like(left)
        questions = np.zeros((self.n_trees, 2**self.depth - 1), np.int16)
        thresholds = np.full(questions.shape, np.iinfo(np.int16).max, np.int16)
        moves = np.zeros((self.n_trees, 2**self.depth, n_parts), np.complex64)
        for number in range(self.n_trees):
            rows = rng.permutation(n_people)[: max(round(self.sample * n_people), 2)]
            tree = ExtraTreeRegressor(
                max_depth=self.depth, max_features=min(self.n_candidates, self.n_pairs), random_state=rng.randint(2**31)
            )
            now = left[rows] - moved[rows]
            now[~labelled[rows]] = 0
            targets = np.concatenate([now.real, now.imag], 1)
            tree.fit(seen[rows], targets)
            questions[number], thresholds[number], ends = _as_heap(tree.tree_, self.depth)
            leaves = tree.tree_.apply(seen)
            of_leaves = _leaf_means(leaves[rows], now, labelled[rows], tree.tree_.node_count) * self.shrinkage
            moves[number] = of_leaves[ends]
            moved += of_leaves[leaves]
        return (questions, thresholds, moves), moved

    # -- prediction -------------------------------------------------------------------------------------------------

    def _predict(self, X) -> np.ndarray:
        found = [self._poses(X[start : start + AT_ONCE]) for start in range(0, len(X), AT_ONCE)]
        poses = np.concatenate(found)
        return np.stack([poses.real, poses.imag], -1)

    def _poses(self, X) -> np.ndarray:
        """Poses of a batch, complex (N, P)."""
        grey, people = _grey(X), np.arange(len(X))
        poses = np.tile(self.mean_, (len(X), 1))
        trees = np.arange(self.questions_.shape[1])
        for level in range(len(self.pairs_)):
            frames = _frames(poses, self.mean_)
            pixels = (self.joints_[level], self.offsets_[level], self.pairs_[level])
            seen = _differences(grey, people, poses, frames, *pixels)
            node = np.zeros((len(X), len(trees)), int)
            for _ in range(self.depth):
                answer = (
                    seen[people[:, None], self.questions_[level][trees, node]] > self.thresholds_[level][trees, node]
                )
                node = 2 * node + 1 + answer
            moved = self.moves_[level][trees, node - self.questions_.shape[2]].sum(1)
            poses = poses + frames[:, None] * moved
        return poses

    def size(self) -> dict[str, int]:
        """{"nodes": n}: splits and leaves."""
        n_questions = int((self.thresholds_ < np.iinfo(np.int16).max).sum())
        return {"nodes": 2 * n_questions + self.questions_.shape[0] * self.questions_.shape[1]}


def _spread_of_mean(joints: np.ndarray) -> float:
    """Root mean square distance of the parts of the mean pose from its centre, in pixels."""
    labelled = joints[..., 2:] > 0
    mean = np.where(labelled, joints[..., :2], 0).sum(0) / np.maximum(labelled.sum(0), 1)
    return float(np.sqrt(((mean - mean.mean(0)) ** 2).sum(1).mean()))


def _complex(points: np.ndarray) -> np.ndarray:
    """Points (..., 2) as complex numbers, so that rotation and scaling are a product."""
    return points[..., 0] + 1j * points[..., 1]


def _grey(images: np.ndarray) -> np.ndarray:
    """Brightness, smoothed, int16 (N, H, W)."""
    grey = [cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (0, 0), SMOOTHING) for image in images]
    return np.stack(grey).astype(np.int16)


def _frames(poses: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Least-squares rotations of poses against the mean pose, as complex numbers of modulus 1 (N,)."""
    factors = (poses - poses.mean(1, keepdims=True)) @ (mean - mean.mean()).conj()
    size = np.abs(factors)
    return np.where(size > LEAST_EXTENT, factors / np.maximum(size, LEAST_EXTENT), 1)


def _differences(grey, people, poses, frames, joints, offsets, pairs) -> np.ndarray:
    """Brightness differences of the pairs, float32 (M, D); positions are clipped to the image."""
    height, width = grey.shape[1:]
    places = poses[:, joints] + frames[:, None] * offsets
    x = np.rint(places.real).astype(np.int32).clip(0, width - 1)
    y = np.rint(places.imag).astype(np.int32).clip(0, height - 1)
    values = grey[people[:, None], y, x]
    return (values[:, pairs[:, 0]] - values[:, pairs[:, 1]]).astype(np.float32)


def _leaf_means(leaves, left, labelled, n_nodes: int) -> np.ndarray:
    """Mean residual of the labelled joints in each leaf, complex (n_nodes, P)."""
    means = np.zeros((n_nodes, left.shape[1]), complex)
    for part in range(left.shape[1]):
        count = np.bincount(leaves, labelled[:, part], n_nodes)
        real = np.bincount(leaves, left[:, part].real, n_nodes)
        imag = np.bincount(leaves, left[:, part].imag, n_nodes)
        means[:, part] = (real + 1j * imag) / np.maximum(count, 1)
    return means


def _as_heap(tree, depth: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs and thresholds of a complete tree (2**depth - 1,), and the node of `tree` at each leaf (2**depth,).

    The children of node i are 2 i + 1, for differences up to its threshold, and 2 i + 2. Where `tree` ends early, both
    lead to the same leaf.
    """
    questions = np.zeros(2**depth - 1, np.int16)
    thresholds = np.full(2**depth - 1, np.iinfo(np.int16).max, np.int16)
    nodes = np.zeros(2 ** (depth + 1) - 1, int)
    for place in range(2**depth - 1):
        node = nodes[place]
        nodes[2 * place + 1 : 2 * place + 3] = node
        if tree.children_left[node] >= 0:
            questions[place] = tree.feature[node]
            thresholds[place] = np.floor(tree.threshold[node])  # differences are integers
            nodes[2 * place + 1], nodes[2 * place + 2] = tree.children_left[node], tree.children_right[node]
    return questions, thresholds, nodes[2**depth - 1 :]
