"""A stage that is a convolutional network."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Hashable, Sequence

import numpy as np
import torch
from sklearn.utils import check_random_state
from torch import nn

from ..skeleton import Skeleton
from ..stage import Stage
from .batches import TrainingData
from .devices import choose_device, choose_precision, threads
from .facts import multiply_adds
from .loop import Phase, TrainingRun
from .networks import NETWORKS, Design, PoseNetwork, assemble
from .optimisers import OPTIMISERS, SCHEDULES
from .targets import normalise

__all__ = ["ConvStage"]

logger = logging.getLogger(__name__)
PIXELS_AT_ONCE = 2**20  # people are computed in groups of about so many pixels
MOST_AT_ONCE = 64
LARGEST_FEATURE = 60000.0  # float16 goes to 65504
FIRST_RATES = {("lite", "adamw"): 5e-3, ("lite", "sgd"): 1e-2, ("published", "adamw"): 3e-4, ("published", "sgd"): 8e-5}
SPREADS = {"lite": 5.0, "published": 7.0}  # of the target Gaussians, px


class ConvStage(Stage):
    """Convolutional stage: a trunk that reads the image and a head that writes beliefs.

    Trained alone (``fit``), it learns its own trunk and one head, given whatever previous beliefs, those of a forest
    stage too. Trained with others by :class:`~posemachines.conv.JointTraining`, they share their trunks.

    Parameters
    ----------
    network : {"lite", "cvpr", "flic", "vgg"}, default="lite"
        `cpm-lite`, beliefs at stride 4, for a CPU; net A of the paper, net B (the same, meant for nine parts and four
        stages), or net C, whose trunk is that of VGG-19: beliefs at stride 8, crops of 368 px.
    faithful : bool, default=False
        Pools and centre map of nets A and B as Caffe computes them, for published weights; otherwise nothing is
        shifted against the belief grid.
    centre_map : bool, optional
        Whether later stages read a map of the person's centre: by default all nets but `cpm-lite` do.
    stem_width, feature_width, coarse_width : int
        Of `cpm-lite`: channels of the trunk at stride 4, 8 and 16. `feature_width` is a multiple of 4.
    n_blocks, n_coarse_blocks : int
        Residual blocks of the trunk at stride 8 and 16. With two of the first and none of the second a first stage
        sees 80 px, and wider context is left to the later stages.
    stage_width, stage_coarse_width : int
        Channels of a head that is given beliefs, at stride 8 and 16.
    n_stage_blocks, n_stage_coarse_blocks : int
        Residual blocks of such a head at stride 8 and 16.
    init : {"he", "gaussian"}, default="he"
        First weights of the published nets: after He et al., or N(0, 0.01) as published, from which a net may settle
        on all-zero beliefs.
    epochs, batch_size : int
        Passes over the people, and people a step (of each process).
    optimiser : {"adamw", "sgd"}, default="adamw"
    learning_rate : float, optional
        The largest, after the warm-up; by default 5e-3 (AdamW) or 1e-2 (SGD) for `cpm-lite`, 3e-4 or the published 8e-5
        for the other nets.
    momentum, weight_decay : float
        The first of SGD; the second on kernels alone.
    schedule : {"cosine", "step", "constant"}, default="cosine"
        Course of the learning rate: down to zero; times `decay` every `decay_every` steps, as published; or level.
    warm_up : float, default=0.05
        Share of the steps in which the learning rate rises.
    decay, decay_every : float, int
        Of the schedule "step".
    published_rates : bool, default=False
        Biases learn twice as fast, first stages of nets A and B five times, later stages of net C four times.
    clip : float or None, default=1
        Largest norm of the gradient of a step.
    sigma : float, optional
        Standard deviation of the target Gaussians, in pixels; 5 for `cpm-lite`, 7 for the other nets by default.
    emphasis : float, default=9
        How much more an error counts at a part than on empty ground; 0 is the published loss.
    rotation : float, default=40
        Largest random rotation to either side, in degrees.
    scale : (float, float), default=(0.75, 1.3)
        Smallest and largest random scale.
    scale_law : {"log", "linear"}, default="log"
        Whether the scale's logarithm is uniform, or the scale itself, as published.
    shift : float, default=0.06
        Largest random shift in x and y, as a share of the crop's shorter side.
    flip : bool, default=True
        Mirror half of the crops, where the skeleton has left-right pairs.
    colour : float, default=0.2
        Largest random change of contrast and of the gain of each channel.
    mask_unlabelled : bool, default=True
        Leave the maps of unlabelled joints out of the loss; otherwise their target is zero, as published.
    accumulate : int, default=1
        Parts in which a step's people are computed, one after the other, for the same result in less memory.
    n_workers : int, default=0
        Threads that gather batches ahead of the network.
    device : str, default="auto"
        "auto" (CUDA where there is one), "cpu", "cuda" or "cuda:<index>".
    precision : {"auto", "float32", "bfloat16", "float16"}, default="auto"
        Of the convolutions; "auto" takes the fastest the device has. Faithful nets predict in float32 then.
    compile : bool or str, default=False
        Predict through ``torch.compile``, True with its default backend, or the one that is named.
    n_jobs : int, optional
        Threads on the CPU; -1 for all, None to leave torch as it is.
    checkpoint : str or path, optional
        File to continue from if training is interrupted, removed in the end.
    checkpoint_minutes : float, default=2
        Least time between two writings of it.
    log : str or path, optional
        Folder for ``training.csv``, a line an epoch, and TensorBoard's events where that is installed.
    random_state : int, RandomState or None
        An int gives the same stage again on the same CPU.
    verbose : bool, default=False
        Show a progress bar.

    Attributes
    ----------
    network_ : PoseNetwork
        Trunk and one head, with plain convolutions.
    history_ : list of dict
        An epoch each: "phase", "epoch", "step", "loss" and mean "peak" of the part maps (lists, an entry a stage), the
        "learning_rate" it ended with, "seconds", the figures of the people it was watched by, and "gradients" of its
        last step (:func:`.gradient_magnitudes`) where the strategy asks for them.

    Notes
    -----
    `cpm-lite` deviates from the paper: one residual trunk with weight standardisation instead of plain convolutions
    with 9x9 and 11x11 kernels; beliefs at stride 4 instead of 8; later stages write a change of the beliefs they are
    given. For all nets the defaults of the training deviate: AdamW instead of momentum; unlabelled joints are masked;
    errors at a part count more than those on empty ground, without which the maps stay near zero for the first
    thousands of steps. :meth:`published` has the paper's settings. As in the paper, the loss is a sum over cells. The
    background's target is one minus the largest *labelled* part; it is never masked.

    References
    ----------
    .. [1] Wei et al., "Convolutional Pose Machines", CVPR 2016.
    """

    def __init__(
        self,
        *,
        network: str = "lite",
        faithful: bool = False,
        centre_map: bool | None = None,
        stem_width: int = 64,
        feature_width: int = 96,
        coarse_width: int = 128,
        n_blocks: int = 2,
        n_coarse_blocks: int = 0,
        stage_width: int = 96,
        stage_coarse_width: int = 128,
        n_stage_blocks: int = 2,
        n_stage_coarse_blocks: int = 2,
        init: str = "he",
        epochs: int = 15,
        batch_size: int = 16,
        optimiser: str = "adamw",
        learning_rate: float | None = None,
        momentum: float = 0.9,
        weight_decay: float = 0.01,
        schedule: str = "cosine",
        warm_up: float = 0.05,
        decay: float = 0.333,
        decay_every: int = 136106,
        published_rates: bool = False,
        clip: float | None = 1.0,
        sigma: float | None = None,
        emphasis: float = 9.0,
        rotation: float = 40.0,
        scale: tuple[float, float] = (0.75, 1.3),
        scale_law: str = "log",
        shift: float = 0.06,
        flip: bool = True,
        colour: float = 0.2,
        mask_unlabelled: bool = True,
        accumulate: int = 1,
        n_workers: int = 0,
        device: str = "auto",
        precision: str = "auto",
        compile: bool | str = False,
        n_jobs: int | None = None,
        checkpoint=None,
        checkpoint_minutes: float = 2.0,
        log=None,
        random_state=None,
        verbose: bool = False,
    ) -> None:
        self.network = network
        self.faithful = faithful
        self.centre_map = centre_map
        self.stem_width = stem_width
        self.feature_width = feature_width
        self.coarse_width = coarse_width
        self.n_blocks = n_blocks
        self.n_coarse_blocks = n_coarse_blocks
        self.stage_width = stage_width
        self.stage_coarse_width = stage_coarse_width
        self.n_stage_blocks = n_stage_blocks
        self.n_stage_coarse_blocks = n_stage_coarse_blocks
        self.init = init
        self.epochs = epochs
        self.batch_size = batch_size
        self.optimiser = optimiser
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.warm_up = warm_up
        self.decay = decay
        self.decay_every = decay_every
        self.published_rates = published_rates
        self.clip = clip
        self.sigma = sigma
        self.emphasis = emphasis
        self.rotation = rotation
        self.scale = scale
        self.scale_law = scale_law
        self.shift = shift
        self.flip = flip
        self.colour = colour
        self.mask_unlabelled = mask_unlabelled
        self.accumulate = accumulate
        self.n_workers = n_workers
        self.device = device
        self.precision = precision
        self.compile = compile
        self.n_jobs = n_jobs
        self.checkpoint = checkpoint
        self.checkpoint_minutes = checkpoint_minutes
        self.log = log
        self.random_state = random_state
        self.verbose = verbose

    @classmethod
    def published(cls, network: str = "cvpr") -> ConvStage:
        """A stage with the settings of the paper: network, first weights, loss, optimiser and augmentation.

        Parameters
        ----------
        network : {"cvpr", "flic", "vgg"}, default="cvpr"

        Returns
        -------
        ConvStage
            Not trained. Its ``epochs`` are not published: at most 600,000 steps of 16 people were.
        """
        if network == "lite" or network not in NETWORKS:
            raise ValueError(f"the published nets are {', '.join(map(repr, NETWORKS[1:]))}; got {network!r}")
        return cls(
            network=network, faithful=True, init="gaussian", batch_size=16, optimiser="sgd", learning_rate=8e-5,
            momentum=0.9, weight_decay=5e-4, schedule="step", warm_up=0.0, published_rates=True, clip=None, sigma=7.0,
            emphasis=0.0, rotation=40.0, scale=(0.7, 1.3), scale_law="linear", shift=0.0, colour=0.0,
            mask_unlabelled=False,
        )  # fmt: skip

    @property
    def stride(self) -> int:  # type: ignore[override]
        """Pixels a belief cell: 4 for `cpm-lite`, 8 for the published nets."""
        _check_choice("network", self.network, NETWORKS)
        return self._design().stride

    def first_rate(self) -> float:
        """The learning rate, the default one where none was given."""
        kind = "lite" if self.network == "lite" else "published"
        return FIRST_RATES[kind, self.optimiser] if self.learning_rate is None else self.learning_rate

    def spread(self) -> float:
        """Standard deviation of the target Gaussians in pixels, the default one where none was given."""
        return SPREADS["lite" if self.network == "lite" else "published"] if self.sigma is None else self.sigma

    def _design(self) -> Design:
        sees_centre = self.network != "lite" if self.centre_map is None else self.centre_map
        widths = (
            self.stem_width, self.feature_width, self.coarse_width, self.n_blocks, self.n_coarse_blocks,
            self.stage_width, self.stage_coarse_width, self.n_stage_blocks, self.n_stage_coarse_blocks,
        )  # fmt: skip
        return Design(self.network, self.faithful, sees_centre, widths)

    # -- training ---------------------------------------------------------------------------------------------------

    def _fit(self, images: np.ndarray, previous: np.ndarray | None, joints: np.ndarray) -> None:
        network, history = self._train(
            TrainingData(images, joints, previous), self.skeleton_, uses_beliefs=[previous is not None],
            phases=[Phase("alone", self.epochs, (0,), (0,))], verbose=self.verbose,
        )  # fmt: skip
        self._adopt(network, 0, history)

    def _train(
        self,
        data: TrainingData,
        skeleton: Skeleton,
        *,
        uses_beliefs: Sequence[bool],
        phases: Sequence[Phase],
        verbose: bool,
        start: PoseNetwork | None = None,
        gradients: bool = False,
    ) -> tuple[PoseNetwork, list[dict]]:
        """A new network with a head for each entry of `uses_beliefs`, trained with this stage's settings."""
        self.check_settings()
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        with threads(self.n_jobs):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                network = assemble(self._design(), data.joints.shape[1] + 1, uses_beliefs)
                network.initialise(self.init)
            if start is not None:
                self._go_on_from(network, start)
            run = TrainingRun(
                network, data, self, phases, flip_order=skeleton.flip_order, mirrors=bool(skeleton.pairs), seed=seed,
                gradients=gradients,
            )  # fmt: skip
            return network, run.run(verbose=verbose)

    def _go_on_from(self, network: PoseNetwork, start: PoseNetwork) -> None:
        """Copy trained weights into a fresh network of the same design; ValueError for another."""
        if start.design != network.design:
            raise ValueError(f"start has the network {start.design}, but these stages have {network.design}")
        left = network.take_over(start)
        if left:
            logger.info("begun anew, since their shapes differ: %s", ", ".join(left))

    def _adopt(self, network: PoseNetwork, index: int, history: list[dict]) -> None:
        """Become stage `index` of a trained network, sharing its trunk with the others."""
        self.network_ = network.stage(index).eval()
        self.history_ = history
        self._owns_trunk = network.trunk_of.index(network.trunk_of[index]) == index
        self._feature_key = _trunk_key(self.network_.trunks[0])
        self._compiled: dict[str, Callable] = {}

    # -- prediction -------------------------------------------------------------------------------------------------

    @property
    def feature_key(self) -> Hashable:
        """Hash of the trunk's weights: equal for stages that share a trunk, also after saving and loading."""
        self._check_fitted()
        return self._feature_key

    def _features(self, images: np.ndarray) -> np.ndarray:
        return self._in_batches(self._run_trunk, _group_size(images), images)

    def _predict(self, features: np.ndarray, previous: np.ndarray | None) -> np.ndarray:
        size = MOST_AT_ONCE if self.network == "lite" else MOST_AT_ONCE // 8
        arrays = [features] if previous is None else [features, previous]
        return self._in_batches(self._run_head, size, *arrays)

    def _run_trunk(self, images: torch.Tensor) -> torch.Tensor:
        features = self._ready("trunk", self.network_.trunks[0])(normalise(images))
        if features.dtype == torch.float32:
            return features
        return features.float().clamp(-LARGEST_FEATURE, LARGEST_FEATURE).half()

    def _run_head(self, features: torch.Tensor, previous: torch.Tensor | None = None) -> torch.Tensor:
        stride = self.stride
        shape = stride * features.shape[2], stride * features.shape[3]
        centre = self.network_.centre_map(len(features), shape, device=features.device)
        features = features.float().contiguous(memory_format=torch.channels_last)
        return self._ready("head", self.network_.heads[0])(features, previous, centre)

    def _ready(self, name: str, module: nn.Module) -> Callable:
        """A part of the network, compiled where that is asked for."""
        if not self.compile:
            return module
        if name not in self._compiled:
            backend = "inductor" if self.compile is True else self.compile
            self._compiled[name] = torch.compile(module, backend=backend)
        return self._compiled[name]

    def _precision(self, device: torch.device) -> torch.dtype:
        """Number format of predictions; weights that were published are meant for float32."""
        return torch.float32 if self.faithful and self.precision == "auto" else choose_precision(self.precision, device)

    def _in_batches(self, function, size: int, *arrays: np.ndarray) -> np.ndarray:
        """`function` of consecutive people on the device, in the stage's precision, as one array."""
        device = choose_device(self.device)
        precision = self._precision(device)
        self.network_.to(device)
        results = []
        with threads(self.n_jobs), torch.inference_mode():
            for start in range(0, len(arrays[0]), size):
                chunk = [torch.from_numpy(np.array(array[start : start + size])).to(device) for array in arrays]
                with torch.autocast(device.type, precision, enabled=precision != torch.float32):
                    results.append(function(*chunk).cpu().numpy())
        return np.concatenate(results)

    def complexity(self) -> dict[str, int]:
        """{"parameters": n}; a trunk that several stages share counts with the first of them."""
        self._check_fitted()
        counted = self.network_ if self._owns_trunk else self.network_.heads
        return {"parameters": sum(weight.numel() for weight in counted.parameters())}

    def operations(self, images, previous=None) -> dict[str, float]:
        """{"multiply_adds": n} for one image; a trunk that several stages share counts with the first of them."""
        self._check_fitted()
        height, width = np.shape(images)[1:3]
        return {"multiply_adds": multiply_adds(self.network_, (height, width), trunks=self._owns_trunk)}

    # -- files ------------------------------------------------------------------------------------------------------

    def get_state(self) -> dict[str, np.ndarray]:
        """Weights, history and what else a rebuilt stage needs, as arrays."""
        self._check_fitted()
        state = {f"network.{name}": tensor.cpu().numpy() for name, tensor in self.network_.state_dict().items()}
        numbers = {"n_maps": self.n_parts_ + 1, "uses_beliefs": self.network_.heads[0].uses_beliefs}
        numbers["owns_trunk"] = self._owns_trunk
        history = np.frombuffer(json.dumps(self.history_).encode(), np.uint8)
        return state | {name: np.array(int(number)) for name, number in numbers.items()} | {"history": history}

    def set_state(self, state: dict[str, np.ndarray]) -> None:
        """Take over what :meth:`get_state` returned; the stage's network must be that which it was trained with.

        Raises
        ------
        ValueError
            If weights are missing, superfluous, or of other shapes.
        """
        network = assemble(self._design(), int(state["n_maps"]), [bool(state["uses_beliefs"])])
        network.bake()
        prefix = "network."
        weights = {
            name.removeprefix(prefix): torch.from_numpy(np.array(value, np.float32))
            for name, value in state.items()
            if name.startswith(prefix)
        }
        try:
            network.load_state_dict(weights)
        except RuntimeError as error:
            raise ValueError(f"these are not the weights of this {type(self).__name__}: {error}") from error
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._adopt(network, 0, json.loads(np.asarray(state["history"], np.uint8).tobytes()))
        self._owns_trunk = bool(state["owns_trunk"])

    def __getstate__(self):
        if hasattr(self, "network_"):
            self.network_.cpu()  # so that a pickle opens on a machine without CUDA; predict moves it back
            self._compiled = {}
        return super().__getstate__()

    def check_settings(self) -> None:
        """ValueError for parameters that cannot be trained with."""
        choices = {
            "network": NETWORKS, "optimiser": OPTIMISERS, "schedule": SCHEDULES, "init": ("he", "gaussian"),
            "scale_law": ("log", "linear"),
        }  # fmt: skip
        for name, known in choices.items():
            _check_choice(name, getattr(self, name), known)
        if self.feature_width % 4:
            raise ValueError(f"feature_width must be a multiple of 4; got {self.feature_width}")
        positive = {name: getattr(self, name) for name in ("epochs", "batch_size", "accumulate", "decay_every")}
        positive |= {"learning_rate": self.first_rate(), "sigma": self.spread()}
        for name, value in positive.items():
            if not value > 0:
                raise ValueError(f"{name} must be positive; got {value}")
        low, high = self.scale
        if not 0 < low <= high:
            raise ValueError(f"scale must be (smallest, largest), both positive; got {self.scale}")
        if not (isinstance(self.n_workers, int) and self.n_workers >= 0):
            raise ValueError(f"n_workers must be a number of threads, or 0; got {self.n_workers!r}")
        choose_precision(self.precision, choose_device(self.device))


def _check_choice(name: str, value, known: Sequence[str]) -> None:
    if value not in known:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, known))}; got {value!r}")


def _group_size(images: np.ndarray) -> int:
    """People who are computed at once."""
    return max(1, min(MOST_AT_ONCE, PIXELS_AT_ONCE // (images.shape[1] * images.shape[2])))


def _trunk_key(trunk: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, tensor in trunk.state_dict().items():
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(tensor.cpu().numpy()).tobytes())
    return digest.hexdigest()
