"""A stage that is a small convolutional network."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence

import numpy as np
import torch
from sklearn.utils import check_random_state

from ..skeleton import Skeleton
from ..stage import Stage
from .devices import choose_device, choose_precision, threads
from .loop import TrainingRun, normalise
from .networks import ImageTrunk, PoseNetwork, StageHead

__all__ = ["ConvStage"]

PEOPLE_AT_ONCE = 64
LARGEST_FEATURE = 60000.0  # float16 goes to 65504


class ConvStage(Stage):
    """Convolutional stage: a trunk that reads the image and a head that writes beliefs.

    Trained alone (``fit``), it learns its own trunk and one head, given whatever previous beliefs, those of a forest
    stage too. Trained with others by :class:`~posemachines.conv.JointTraining`, all of them share one trunk.

    Parameters
    ----------
    stride : int, default=4
        Pixels a belief cell; this network has no other.
    stem_width, feature_width, coarse_width : int
        Channels of the trunk at stride 4, 8 and 16. `feature_width` is a multiple of 4.
    n_blocks, n_coarse_blocks : int
        Residual blocks of the trunk at stride 8 and 16. With two of the first and none of the second a first stage
        sees 80 px, and wider context is left to the later stages.
    stage_width, stage_coarse_width : int
        Channels of a head that is given beliefs, at stride 8 and 16.
    n_stage_blocks, n_stage_coarse_blocks : int
        Residual blocks of such a head at stride 8 and 16.
    epochs, batch_size : int
        Passes over the people, and people a step.
    learning_rate, weight_decay : float
        Of AdamW; the learning rate is the largest, after the warm-up and before a cosine takes it to zero.
    warm_up : float, default=0.05
        Share of the steps in which the learning rate rises.
    sigma : float, default=5
        Standard deviation of the target Gaussians, in pixels.
    emphasis : float, default=9
        How much more an error counts at a part than on empty ground; 0 is the published loss.
    rotation : float, default=40
        Largest random rotation to either side, in degrees.
    scale : (float, float), default=(0.75, 1.3)
        Smallest and largest random scale.
    shift : float, default=0.06
        Largest random shift in x and y, as a share of the crop's shorter side.
    flip : bool, default=True
        Mirror half of the crops, where the skeleton has left-right pairs.
    colour : float, default=0.2
        Largest random change of contrast and of the gain of each channel.
    mask_unlabelled : bool, default=True
        Leave the maps of unlabelled joints out of the loss; otherwise their target is zero.
    device : str, default="auto"
        "auto" (CUDA where there is one), "cpu", "cuda" or "cuda:<index>".
    precision : {"auto", "float32", "bfloat16", "float16"}, default="auto"
        Of the convolutions; "auto" takes the fastest the device has.
    n_jobs : int, optional
        Threads on the CPU; -1 for all, None to leave torch as it is.
    checkpoint : str or path, optional
        File to continue from if training is interrupted; written at most once a minute, removed in the end.
    random_state : int, RandomState or None
        An int gives the same stage again on the same CPU.
    verbose : bool, default=False
        Show a progress bar.

    Attributes
    ----------
    network_ : PoseNetwork
        Trunk and one head, with plain convolutions.
    history_ : list of dict
        An epoch each: "epoch", "loss" and mean "peak" of the part maps (lists, an entry a stage), the
        "learning_rate" it ended with, and "seconds".

    Notes
    -----
    Deviations from the paper: one residual trunk with weight standardisation instead of plain convolutions with
    9x9 and 11x11 kernels; beliefs at stride 4 instead of 8; later stages write a change of the beliefs they are
    given; no centre map; AdamW instead of momentum; unlabelled
    joints are masked by default; errors at a part count more than those on empty ground, without which the maps
    stay near zero for the first thousands of steps. As in the paper, stage 1 applies 1x1 convolutions to the
    features, later stages see features and beliefs in growing context, and the loss is a sum over cells. The
    background's target is one minus the largest *labelled* part; it is never masked.

    References
    ----------
    .. [1] Wei et al., "Convolutional Pose Machines", CVPR 2016.
    """

    def __init__(
        self,
        *,
        stride: int = 4,
        stem_width: int = 64,
        feature_width: int = 96,
        coarse_width: int = 128,
        n_blocks: int = 2,
        n_coarse_blocks: int = 0,
        stage_width: int = 96,
        stage_coarse_width: int = 128,
        n_stage_blocks: int = 2,
        n_stage_coarse_blocks: int = 2,
        epochs: int = 15,
        batch_size: int = 16,
        learning_rate: float = 5e-3,
        weight_decay: float = 0.01,
        warm_up: float = 0.05,
        sigma: float = 5.0,
        emphasis: float = 9.0,
        rotation: float = 40.0,
        scale: tuple[float, float] = (0.75, 1.3),
        shift: float = 0.06,
        flip: bool = True,
        colour: float = 0.2,
        mask_unlabelled: bool = True,
        device: str = "auto",
        precision: str = "auto",
        n_jobs: int | None = None,
        checkpoint=None,
        random_state=None,
        verbose: bool = False,
    ) -> None:
        self.stride = stride
        self.stem_width = stem_width
        self.feature_width = feature_width
        self.coarse_width = coarse_width
        self.n_blocks = n_blocks
        self.n_coarse_blocks = n_coarse_blocks
        self.stage_width = stage_width
        self.stage_coarse_width = stage_coarse_width
        self.n_stage_blocks = n_stage_blocks
        self.n_stage_coarse_blocks = n_stage_coarse_blocks
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.warm_up = warm_up
        self.sigma = sigma
        self.emphasis = emphasis
        self.rotation = rotation
        self.scale = scale
        self.shift = shift
        self.flip = flip
        self.colour = colour
        self.mask_unlabelled = mask_unlabelled
        self.device = device
        self.precision = precision
        self.n_jobs = n_jobs
        self.checkpoint = checkpoint
        self.random_state = random_state
        self.verbose = verbose

    def _fit(self, images: np.ndarray, previous: np.ndarray | None, joints: np.ndarray) -> None:
        network, history = self._train(
            images, previous, joints, self.skeleton_, uses_beliefs=[previous is not None], verbose=self.verbose
        )
        self._adopt(network, 0, history)

    def _train(
        self, images, previous, joints, skeleton: Skeleton, *, uses_beliefs: Sequence[bool], supervision="all", verbose
    ) -> tuple[PoseNetwork, list[dict]]:
        """A new network with a head for each entry of `uses_beliefs`, trained with this stage's settings."""
        self._check_settings()
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        with threads(self.n_jobs):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                network = self._build(joints.shape[1] + 1, uses_beliefs)
            run = TrainingRun(
                network, images, previous, joints, self, flip_order=skeleton.flip_order, mirrors=bool(skeleton.pairs),
                seed=seed, supervision=supervision,
            )  # fmt: skip
            return network, run.run(verbose=verbose)

    def _build(self, n_maps: int, uses_beliefs: Sequence[bool]) -> PoseNetwork:
        trunk = ImageTrunk(self.stem_width, self.feature_width, self.coarse_width, self.n_blocks, self.n_coarse_blocks)
        widths = self.stage_width, self.stage_coarse_width, self.n_stage_blocks, self.n_stage_coarse_blocks
        return PoseNetwork(trunk, [StageHead(n_maps, self.feature_width, *widths, given) for given in uses_beliefs])

    def _adopt(self, network: PoseNetwork, index: int, history: list[dict]) -> None:
        """Become stage `index` of a trained network, sharing its trunk with the others."""
        self.network_ = PoseNetwork(network.trunk, [network.heads[index]]).eval()
        self.history_ = history
        self._owns_trunk = index == 0
        self._feature_key = _trunk_key(network.trunk)

    @property
    def feature_key(self) -> Hashable:
        """Hash of the trunk's weights: equal for stages that share a trunk, also after saving and loading."""
        self._check_fitted()
        return self._feature_key

    def _features(self, images: np.ndarray) -> np.ndarray:
        return self._in_batches(self._run_trunk, images).astype(np.float16, copy=False)

    def _predict(self, features: np.ndarray, previous: np.ndarray | None) -> np.ndarray:
        arrays = [features] if previous is None else [features, previous]
        return self._in_batches(self._run_head, *arrays)

    def _run_trunk(self, images: np.ndarray, device: torch.device) -> torch.Tensor:
        features = self.network_.trunk(normalise(images, device)).float()
        return features.clamp(-LARGEST_FEATURE, LARGEST_FEATURE).half()

    def _run_head(self, features: np.ndarray, previous=None, *, device: torch.device) -> torch.Tensor:
        given = None if previous is None else torch.from_numpy(previous).to(device)
        return self.network_.heads[0](torch.from_numpy(features).to(device).float(), given)

    def _in_batches(self, function, *arrays: np.ndarray) -> np.ndarray:
        """`function` of consecutive people on the device, in the stage's precision, as one array."""
        device = choose_device(self.device)
        precision = choose_precision(self.precision, device)
        self.network_.to(device)
        results = []
        with threads(self.n_jobs), torch.inference_mode():
            for start in range(0, len(arrays[0]), PEOPLE_AT_ONCE):
                chunk = [np.array(array[start : start + PEOPLE_AT_ONCE]) for array in arrays]
                with torch.autocast(device.type, precision, enabled=precision != torch.float32):
                    results.append(function(*chunk, device=device).cpu().numpy())
        return np.concatenate(results)

    def complexity(self) -> dict[str, int]:
        """{"parameters": n}; a trunk that several stages share counts with the first of them."""
        self._check_fitted()
        counted = self.network_ if self._owns_trunk else self.network_.heads
        return {"parameters": sum(weight.numel() for weight in counted.parameters())}

    def get_state(self) -> dict[str, np.ndarray]:
        """Weights, history and what else a rebuilt stage needs, as arrays."""
        self._check_fitted()
        state = {f"network.{name}": tensor.cpu().numpy() for name, tensor in self.network_.state_dict().items()}
        state |= {f"history.{name}": np.array([row[name] for row in self.history_]) for name in self.history_[0]}
        head = self.network_.heads[0]
        numbers = {"n_maps": self.n_parts_ + 1, "uses_beliefs": head.uses_beliefs}
        numbers["owns_trunk"] = self._owns_trunk
        return state | {name: np.array(int(number)) for name, number in numbers.items()}

    def set_state(self, state: dict[str, np.ndarray]) -> None:
        """Take over what :meth:`get_state` returned; the stage's widths must be those it was trained with."""
        network = self._build(int(state["n_maps"]), [bool(state["uses_beliefs"])])
        network.bake()
        weights = {name: torch.from_numpy(np.array(value)) for name, value in _under("network.", state).items()}
        network.load_state_dict(weights)
        columns = {name: np.asarray(value).tolist() for name, value in _under("history.", state).items()}
        history = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._adopt(network, 0, history)
        self._owns_trunk = bool(state["owns_trunk"])

    def __getstate__(self):
        if hasattr(self, "network_"):
            self.network_.cpu()  # so that a pickle opens on a machine without CUDA; predict moves it back
        return super().__getstate__()

    def _check_settings(self) -> None:
        """ValueError for parameters that cannot be trained with."""
        if self.stride != 4:
            raise ValueError(f"stride must be 4, the only one this network has; got {self.stride}")
        if self.feature_width % 4:
            raise ValueError(f"feature_width must be a multiple of 4; got {self.feature_width}")
        for name in ("epochs", "batch_size", "learning_rate", "sigma"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive; got {getattr(self, name)}")
        low, high = self.scale
        if not 0 < low <= high:
            raise ValueError(f"scale must be (smallest, largest), both positive; got {self.scale}")
        choose_precision(self.precision, choose_device(self.device))


def _under(prefix: str, state: dict) -> dict:
    """Entries whose names begin with `prefix`, without it."""
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def _trunk_key(trunk: ImageTrunk) -> str:
    digest = hashlib.sha256()
    for name, tensor in trunk.state_dict().items():
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(tensor.cpu().numpy()).tobytes())
    return digest.hexdigest()
