"""Pictorial structures: a tree of parts with exact inference."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree
from sklearn.base import BaseEstimator, clone
from sklearn.cluster import KMeans
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

import posemachines
from posemachines import PoseMachine
from posemachines._utils.checks import check_images
from posemachines.datasets import Crops
from posemachines.inference.crop_record import CropRecord
from posemachines.skeleton import Skeleton

from ._baseline import OnPhotos, unpack
from ._distance_transform import best_offsets
from ._files import describe_baseline, read_baseline, write_baseline

__all__ = ["PictorialStructures"]

LEAST_BELIEF = 1e-4
LEAST_SPREAD = 0.5  # cells; smallest standard deviation of an offset
HELD_OUT = 10  # one subject in ten is held out to choose the weight of the deformations


class PictorialStructures(OnPhotos, BaseEstimator):
    """Pictorial structures: the explicit graphical model that pose machines do without.

    The appearance score of a part is the logarithm of the beliefs of a one-stage machine, which knows nothing of other
    parts. The offset from a part to its child in the tree has one of several types, each a Gaussian around a mean
    offset; types are clusters of the training offsets. The best pose is found exactly, by dynamic programming on the
    tree with generalised distance transforms.

    Parameters
    ----------
    machine : SequentialMachine, optional
        Its first stage gives the beliefs: untrained, or fitted with `prefit`. By default a Pose Machine with one forest
        stage.
    prefit : bool, default=False
        Use the fitted `machine` without training it. `fit` should then be given other subjects than it was trained on.
    n_types : int, default=6
        Types of the offset to each child.
    weights : tuple of float
        Candidate weights of the deformations relative to the beliefs; one is chosen on held-out subjects (a tenth of
        them; all with `prefit`).
    random_state : int, default=0
    skeleton : str or Skeleton, optional

    Attributes
    ----------
    machine_ : SequentialMachine
    edges_ : int ndarray of shape (E, 2)
        Parent and child, parents before their children.
    weight_ : float

    References
    ----------
    .. [1] Felzenszwalb and Huttenlocher, "Pictorial Structures for Object Recognition", IJCV 2005.
    .. [2] Andriluka, Roth and Schiele, "Pictorial Structures Revisited", CVPR 2009.
    .. [3] Yang and Ramanan, "Articulated Pose Estimation with Flexible Mixtures-of-Parts", CVPR 2011: types.
    """

    def __init__(
        self,
        machine=None,
        *,
        prefit: bool = False,
        n_types: int = 6,
        weights: tuple[float, ...] = (0.0, 0.03, 0.1, 0.3, 1.0),
        random_state: int = 0,
        skeleton: str | Skeleton | None = None,
    ) -> None:
        self.machine = machine
        self.prefit = prefit
        self.n_types = n_types
        self.weights = weights
        self.random_state = random_state
        self.skeleton = skeleton

    def fit(self, X, y=None) -> PictorialStructures:
        """Train the machine, learn the tree and its offsets, and choose their weight.

        Parameters
        ----------
        X : Crops, or uint8 ndarray of shape (N, H, W, 3)
        y : ndarray of shape (N, P, 3), optional
            With an array of crops: x, y in pixels of the crop, and labelled.

        Returns
        -------
        PictorialStructures
            Itself.

        Raises
        ------
        ValueError
            If the arrays are malformed, or `prefit` is set without a machine.
        """
        self.crop_record_ = CropRecord.of(X)
        X, y, self.skeleton_ = unpack(X, y, self.skeleton)
        if self.prefit and self.machine is None:
            raise ValueError("prefit needs a fitted machine")
        held = np.ones(len(X), bool)
        if not self.prefit:
            held[:] = False
            held[check_random_state(self.random_state).permutation(len(X))[: max(len(X) // HELD_OUT, 1)]] = True
        if self.prefit:
            self.machine_ = self.machine
        else:
            made = PoseMachine(1, random_state=self.random_state) if self.machine is None else clone(self.machine)
            self.machine_ = made.set_params(skeleton=self.skeleton_).fit(X[~held], y[~held])
        self._learn_offsets(y.astype(float) / [self.machine_.stride_, self.machine_.stride_, 1])
        self.weight_ = self._choose_weight(X[held], y[held])
        return self

    def _learn_offsets(self, y) -> None:
        """Learn the tree whose offsets vary least, and the types of its offsets; `y` in cells."""
        n_parts = y.shape[1]
        labelled = y[..., 2] > 0
        limbs = self.skeleton_.limbs or [(a, b) for a in range(n_parts) for b in range(a)]
        spreads = np.zeros((n_parts, n_parts))
        for a, b in limbs:
            both = labelled[:, a] & labelled[:, b]
            if both.sum() > 1:
                spreads[a, b] = (y[both, b, :2] - y[both, a, :2]).var(0).sum() + 1e-9
        tree = minimum_spanning_tree(spreads)
        joined = (tree + tree.T).toarray() > 0
        edges, seen = [], np.zeros(n_parts, bool)
        for root in np.argsort(-joined.sum(1), kind="stable"):  # a part with many neighbours first
            if seen[root]:
                continue
            order, parents = breadth_first_order(joined, root, directed=False)
            seen[order] = True
            edges += [(parents[part], part) for part in order[1:]]
        self.edges_ = np.array(edges, int).reshape(-1, 2)
        self.types_ = np.array([self._types(y, labelled, *edge) for edge in self.edges_]).reshape(-1, self.n_types, 5)

    def _types(self, y, labelled, parent: int, child: int) -> np.ndarray:
        """Mean x, y, variance in x, y, and log frequency of each type, (K, 5); -inf for unused types."""
        both = labelled[:, parent] & labelled[:, child]
        offsets = y[both, child, :2] - y[both, parent, :2]
        rows = np.tile([0.0, 0.0, 1.0, 1.0, -np.inf], (self.n_types, 1))
        n_types = min(self.n_types, max(len(offsets) // 10, 1))
        groups = KMeans(n_types, n_init=3, random_state=self.random_state).fit_predict(offsets)
        for number in range(n_types):
            own = offsets[groups == number]
            spread = np.maximum(own.var(0), LEAST_SPREAD**2)
            rows[number] = [*own.mean(0), *spread, np.log(len(own) / len(offsets))]
        return rows

    def _choose_weight(self, X, y) -> float:
        """The weight with which most joints are within 0.1 of the longer side of the bounding box of the joints."""
        if len(self.weights) == 1:
            return float(self.weights[0])
        beliefs = self._beliefs(X)
        labelled = y[..., 2] > 0
        reach = np.where(labelled[..., None], y[..., :2], np.nan)
        size = 0.1 * np.nanmax(np.nanmax(reach, 1) - np.nanmin(reach, 1), -1)
        shares = []
        for weight in self.weights:
            distances = np.linalg.norm(self._infer(beliefs, weight) - y[..., :2], axis=-1)
            shares.append((distances <= size[:, None])[labelled].mean())
        return float(self.weights[int(np.argmax(shares))])

    # -- inference --------------------------------------------------------------------------------------------------

    def _beliefs(self, X) -> np.ndarray:
        """Beliefs of the first stage, without the background, (N, P, h, w)."""
        batches = [X[start : start + 64] for start in range(0, len(X), 64)]
        return np.concatenate([next(iter(self.machine_.staged_beliefs(batch)))[:, :-1] for batch in batches])

    def _infer(self, beliefs: np.ndarray, weight: float) -> np.ndarray:
        """Joints (N, P, 2) of the best poses, in pixels of the crop."""
        stride = self.machine_.stride_
        cells = np.stack([self._best_pose(maps, weight) for maps in beliefs.astype(float)])
        return (cells + _towards_the_peak(beliefs, cells) + 0.5) * stride - 0.5

    def _best_pose(self, beliefs: np.ndarray, weight: float) -> np.ndarray:
        """Cells x, y of all parts, (P, 2)."""
        scores = np.log(np.clip(beliefs, LEAST_BELIEF, 1.0))
        if weight <= 0:
            flat = scores.reshape(len(scores), -1).argmax(1)
            return np.stack(np.unravel_index(flat, scores.shape[1:])[::-1], -1)
        chosen = {}
        for number in range(len(self.edges_) - 1, -1, -1):  # from the leaves to the roots
            parent, child = self.edges_[number]
            best, where = _best_child(scores[child], self.types_[number], weight)
            scores[parent] += best
            chosen[number] = where
        cells = np.zeros((len(scores), 2), int)
        children = set(self.edges_[:, 1].tolist())
        for part in range(len(scores)):
            if part not in children:
                cells[part] = np.unravel_index(scores[part].argmax(), scores[part].shape)[::-1]
        for number, (parent, child) in enumerate(self.edges_):
            x, y = cells[parent]
            cells[child] = chosen[number][y, x]
        return cells

    def predict(self, X) -> np.ndarray:
        """Joints (N, P, 2), in pixels of the crop."""
        check_is_fitted(self, "weight_")
        X = check_images(X.X if isinstance(X, Crops) else X)
        return self._infer(self._beliefs(X), self.weight_).astype(np.float32)

    @property
    def crop_shape_(self) -> tuple[int, int]:
        """Height and width of the crops, in pixels."""
        return self.machine_.crop_shape_

    def staged_predict(self, X) -> Iterator[np.ndarray]:
        """Joints after the only stage."""
        yield self.predict(X)

    def size(self) -> dict[str, int]:
        """Size of the first stage, plus the parameters of the offsets."""
        check_is_fitted(self, "weight_")
        counts = dict(self.machine_.stages_[0].size())
        counts["parameters"] = counts.get("parameters", 0) + int(self.types_.size)
        return counts

    # -- files ------------------------------------------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Write the fitted baseline, including its machine, into a ``.npz`` file."""
        check_is_fitted(self, "weight_")
        with TemporaryDirectory() as folder:
            file = Path(folder) / "machine.npz"
            self.machine_.save(file)
            machine = np.frombuffer(file.read_bytes(), np.uint8)
        parameters = {name: getattr(self, name) for name in ("n_types", "weights", "random_state")}
        arrays = {"edges": self.edges_, "types": self.types_, "weight": np.float64(self.weight_), "machine": machine}
        write_baseline(path, type(self).__name__, parameters, self.skeleton_, arrays, self.crop_record_)

    @classmethod
    def load(cls, path: str | Path) -> PictorialStructures:
        """Read the baseline that :meth:`save` wrote."""
        parameters, skeleton, arrays = read_baseline(path, cls.__name__)
        parameters["weights"] = tuple(parameters["weights"])
        with TemporaryDirectory() as folder:
            file = Path(folder) / "machine.npz"
            file.write_bytes(arrays["machine"].tobytes())
            made = cls(posemachines.load(file), prefit=True, skeleton=skeleton, **parameters)
        made.machine_, made.skeleton_ = made.machine, skeleton
        made.crop_record_ = describe_baseline(path)[1]
        made.edges_, made.types_, made.weight_ = arrays["edges"], arrays["types"], float(arrays["weight"])
        return made


def _best_child(scores: np.ndarray, types: np.ndarray, weight: float) -> tuple[np.ndarray, np.ndarray]:
    """For every cell of the parent, the best score of the child including the offset, and the cell of the child."""
    best, where = None, None
    for x, y, spread_x, spread_y, share in types:
        if share == -np.inf:
            continue
        prices = 0.5 * weight / np.array([spread_x, spread_y])
        found, places = best_offsets(scores, prices, np.array([x, y]))
        found += weight * (share - 0.5 * np.log(spread_x * spread_y))
        if best is None:
            best, where = found, places
        else:
            better = found > best
            best[better], where[better] = found[better], places[better]
    if best is None:
        raise ValueError("an offset has no type: no subject has both of its parts labelled")
    return best, where


def _towards_the_peak(beliefs: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Subpixel offset from the chosen cells to the centre of mass of the beliefs around them, in cells, (N, P, 2)."""
    n, p, h, w = beliefs.shape
    moved = np.zeros((n, p, 2))
    people, parts = np.indices((n, p))
    total = np.zeros((n, p))
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            x, y = cells[..., 0] + dx, cells[..., 1] + dy
            inside = (x >= 0) & (x < w) & (y >= 0) & (y < h)
            mass = np.where(inside, beliefs[people, parts, y.clip(0, h - 1), x.clip(0, w - 1)].clip(LEAST_BELIEF), 0)
            total += mass
            moved += mass[..., None] * np.array([dx, dy])
    return moved / np.maximum(total, 1e-9)[..., None]
