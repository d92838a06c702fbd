"""A stage that is a convolutional network."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Hashable
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from .._utils.deprecation import moved_keywords, renamed_keyword
from ..backbones import check_backbone
from ..io.old_machines import AUGMENTATION, OF_THE_RUN, TRAINING
from ..stage import Stage
from .devices import choose_device, choose_precision, threads
from .networks.facts import multiply_adds
from .networks.network import NETWORKS, PUBLISHED, Design, PoseNetwork, assemble, network_name
from .trainer.batches import TrainingData
from .trainer.loop import Phase
from .trainer.settings import TrainingSettings, check_choice, resolve_epochs
from .trainer.targets import normalise
from .trainer.train import train_network
from .training import JointTraining

__all__ = ["ConvStage"]

PIXELS_AT_ONCE = 2**20  # crops are computed in groups of about this many pixels
MOST_AT_ONCE = 64
LARGEST_FEATURE = 60000.0  # float16 goes to 65504


class ConvStage(Stage):
    """Convolutional stage: a backbone (trunk) that reads the image and a head that predicts beliefs.

    Trained alone (``fit``), a stage learns its own backbone and one head, given any previous beliefs, even those of a
    forest stage. Stages trained together by :class:`~posemachines.JointTraining` share their backbones.

    Parameters
    ----------
    network : {"cpm-pretrained", "cpm-lite", "cpm-hand-made", "cpm", "cpm-flic", "cpm-vgg"}, default="cpm-pretrained"
        `cpm-pretrained`: a backbone with weights trained on ImageNet, and the heads of `cpm-lite`. `cpm-lite`: starts
        from nothing, and is small enough to train on a CPU. `cpm-hand-made`: the same on the image features of the
        forests. These three have beliefs at stride 4. "cpm": net A of the paper. "cpm-flic": net B, the same for nine
        parts and four stages. "cpm-vgg": net C, whose backbone is that of VGG-19. The published networks have beliefs
        at stride 8 and take crops of 368 px.
    caffe_compatible : bool, default=False
        Pooling and centre map of nets A and B as in Caffe, for published weights; otherwise nothing is shifted
        relative to the belief grid.
    centre_map : bool, optional
        Whether later stages read a map of the subject's centre. Default: the published networks do.
    backbone : {"efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2"}, default="efficientnet-lite0"
        Of `cpm-pretrained`.
    backbone_stride : {8, 16, 32}, default=16
        Stride of the last maps of that backbone that are used; the blocks after them are left out.
    stem_width, feature_width, coarse_width : int
        Channels of the backbone of `cpm-lite` at stride 4, 8 and 16. `feature_width` is a multiple of 4. The other two
        own networks have no such stem, but the same layers after their features.
    n_blocks, n_coarse_blocks : int
        Residual blocks of these layers at stride 8 and 16. For `cpm-lite`, the defaults, two and none, give the first
        stage a receptive field of 80 px and leave wider context to the later stages.
    stage_width, stage_coarse_width : int
        Channels of later heads at stride 8 and 16.
    n_stage_blocks, n_stage_coarse_blocks : int
        Residual blocks of later heads at stride 8 and 16.
    init : {"he", "gaussian"}, default="he"
        Initial weights of the published networks: He initialisation, or N(0, 0.01) as published, with which a network
        may collapse to all-zero beliefs.
    random_state : int, RandomState or None
        An int reproduces the stage on the same CPU.

    Attributes
    ----------
    network_ : PoseNetwork
        Backbone and one head, with plain convolutions.
    history_ : list of dict
        One entry per epoch: "phase", "epoch", "step", "loss" and mean "peak" of the part maps (lists with one entry per
        stage), the final "learning_rate", "seconds", the scores on validation subjects, and "gradients" of the last
        step (:func:`.gradient_magnitudes`) if they are recorded.

    Notes
    -----
    How the network is trained is set by :class:`JointTraining <posemachines.JointTraining>`, where it runs by the
    machine.

    `cpm-lite` deviates from the paper: one residual backbone with weight standardisation instead of plain convolutions
    with 9x9 and 11x11 kernels; beliefs at stride 4 instead of 8; later stages predict a change of the previous beliefs.
    For all networks the default training deviates: AdamW instead of momentum; unlabelled joints are masked; errors on
    parts count more than those on the background, without which the maps stay near zero for the first thousands of
    steps. :meth:`published` and :meth:`JointTraining.published` have the paper's settings. As in the paper, the loss is
    a sum over cells. The target of the background is one minus the largest *labelled* part; it is never masked.

    References
    ----------
    .. [1] Wei et al., "Convolutional Pose Machines", CVPR 2016.
    """

    default_training: TrainingSettings = JointTraining()
    """Settings of a stage that is fitted alone, without any given."""

    @moved_keywords(
        **{old: f"JointTraining({new}=...) as training= of the machine" for old, new in TRAINING.items()},
        **{old: f"JointTraining(augmentation=Augmentation({new}=...))" for old, new in AUGMENTATION.items()},
        **{old: f"ConvPoseMachine({old}=...)" for old in OF_THE_RUN if old not in TRAINING},
    )
    @renamed_keyword(faithful="caffe_compatible")
    def __init__(
        self,
        *,
        network: str = "cpm-pretrained",
        caffe_compatible: bool = False,
        centre_map: bool | None = None,
        backbone: str = "efficientnet-lite0",
        backbone_stride: int = 16,
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
        random_state=None,
    ) -> None:
        self.network = network
        self.caffe_compatible = caffe_compatible
        self.centre_map = centre_map
        self.backbone = backbone
        self.backbone_stride = backbone_stride
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
        self.random_state = random_state

    @classmethod
    def published(cls, network: str = "cpm") -> ConvStage:
        """An untrained stage with a published network and its initial weights.

        Parameters
        ----------
        network : {"cpm", "cpm-flic", "cpm-vgg"}, default="cpm"

        Returns
        -------
        ConvStage
            Train it with :meth:`JointTraining.published`.
        """
        network = network_name(network)
        if network not in PUBLISHED:
            raise ValueError(f"the published networks are {', '.join(map(repr, PUBLISHED))}; got {network!r}")
        return cls(network=network, caffe_compatible=True, init="gaussian")

    @property
    def stride(self) -> int:  # type: ignore[override]
        """Stride of the belief grid, in pixels: 8 for the published networks, 4 for the others."""
        return self.design().stride

    def design(self) -> Design:
        """The architecture, from which networks are built; ValueError for parameters that do not describe one."""
        network = network_name(self.network)
        check_choice("network", network, NETWORKS)
        check_choice("init", self.init, ("he", "gaussian"))
        if self.feature_width % 4:
            raise ValueError(f"feature_width must be a multiple of 4; got {self.feature_width}")
        sees_centre = network in PUBLISHED if self.centre_map is None else self.centre_map
        widths = (
            self.stem_width, self.feature_width, self.coarse_width, self.n_blocks, self.n_coarse_blocks,
            self.stage_width, self.stage_coarse_width, self.n_stage_blocks, self.n_stage_coarse_blocks,
        )  # fmt: skip
        if network != "cpm-pretrained":
            return Design(network, self.caffe_compatible, sees_centre, widths)
        check_backbone(self.backbone, self.backbone_stride)
        return Design(network, self.caffe_compatible, sees_centre, widths, self.backbone, self.backbone_stride)

    # -- training ---------------------------------------------------------------------------------------------------

    def _fit(self, images: np.ndarray, previous: np.ndarray | None, joints: np.ndarray) -> None:
        settings = self.default_training if self._training is None else self._training
        if not isinstance(settings, TrainingSettings):
            raise ValueError(f"training must be a JointTraining with the settings; got {settings!r}")
        if self._checkpoint is not None:
            settings = replace(settings, checkpoint=self._checkpoint)
        network, history = train_network(
            self.design(), TrainingData(images, joints, previous), self.skeleton_, settings,
            [Phase("alone", resolve_epochs(settings.epochs, len(images), self.design().name), (0,), (0,))],
            uses_beliefs=[previous is not None], init=self.init, random_state=self.random_state, runtime=self.runtime,
        )  # fmt: skip
        self.adopt(network, 0, history)

    def adopt(self, network: PoseNetwork, index: int, history: list[dict]) -> None:
        """Become stage `index` of a trained network, sharing its backbone with the other stages."""
        self.network_ = network.stage(index).eval()
        self.history_ = history
        self._owns_trunk = network.trunk_of.index(network.trunk_of[index]) == index
        self._feature_key = _trunk_key(self.network_.trunks[0])
        self._compiled: dict[tuple[str, str], Callable] = {}

    # -- prediction -------------------------------------------------------------------------------------------------

    @property
    def feature_key(self) -> Hashable:
        """Hash of the weights of the backbone: equal for stages that share one, also after saving and loading."""
        self._check_fitted()
        return self._feature_key

    def _features(self, images: np.ndarray) -> np.ndarray:
        return self._in_batches(self._run_trunk, _group_size(images), images)

    def _predict(self, features: np.ndarray, previous: np.ndarray | None) -> np.ndarray:
        size = MOST_AT_ONCE // 8 if self.network_.design.is_published else MOST_AT_ONCE
        arrays = [features] if previous is None else [features, previous]
        return self._in_batches(self._run_head, size, *arrays)

    def _run_trunk(self, images: torch.Tensor) -> torch.Tensor:
        features = self._ready("trunk", self.network_.trunks[0])(normalise(images))
        if features.dtype == torch.float32:
            return features
        return features.float().clamp(-LARGEST_FEATURE, LARGEST_FEATURE).half()

    def _run_head(self, features: torch.Tensor, previous: torch.Tensor | None = None) -> torch.Tensor:
        stride = self.network_.design.stride
        shape = stride * features.shape[2], stride * features.shape[3]
        centre = self.network_.centre_map(len(features), shape, device=features.device)
        features = features.float().contiguous(memory_format=torch.channels_last)
        return self._ready("head", self.network_.heads[0])(features, previous, centre)

    def _ready(self, name: str, module: nn.Module) -> Callable:
        """A part of the network, compiled if the runtime says so."""
        if not self.runtime.compile:
            return module
        backend = "inductor" if self.runtime.compile is True else self.runtime.compile
        if (name, backend) not in self._compiled:
            self._compiled[name, backend] = torch.compile(module, backend=backend)
        return self._compiled[name, backend]

    def _precision(self, device: torch.device) -> torch.dtype:
        """Number format of predictions; published weights are meant for float32."""
        if self.caffe_compatible and self.runtime.precision == "auto":
            return torch.float32
        return choose_precision(self.runtime.precision, device)

    def _in_batches(self, function, size: int, *arrays: np.ndarray) -> np.ndarray:
        """`function` of consecutive batches on the device, in the precision of the runtime, as one array."""
        device = choose_device(self.runtime.device)
        precision = self._precision(device)
        self.network_.to(device)
        results = []
        with threads(self.runtime.n_jobs), torch.inference_mode():
            for start in range(0, len(arrays[0]), size):
                chunk = [torch.from_numpy(np.array(array[start : start + size])).to(device) for array in arrays]
                with torch.autocast(device.type, precision, enabled=precision != torch.float32):
                    results.append(function(*chunk).cpu().numpy())
        return np.concatenate(results)

    def size(self) -> dict[str, int]:
        """{"parameters": n}; a shared backbone counts with the first of its stages."""
        self._check_fitted()
        counted = self.network_ if self._owns_trunk else self.network_.heads
        return {"parameters": sum(weight.numel() for weight in counted.parameters())}

    def count_operations(self, images, previous=None) -> dict[str, float]:
        """{"multiply_adds": n} per image; a shared backbone counts with the first of its stages."""
        self._check_fitted()
        height, width = np.shape(images)[1:3]
        return {"multiply_adds": multiply_adds(self.network_, (height, width), trunks=self._owns_trunk)}

    # -- files ------------------------------------------------------------------------------------------------------

    def get_state(self) -> dict[str, np.ndarray]:
        """Weights, history and everything else that rebuilds the stage, as arrays."""
        self._check_fitted()
        state = {f"network.{name}": tensor.cpu().numpy() for name, tensor in self.network_.state_dict().items()}
        numbers = {"n_maps": self.n_parts_ + 1, "uses_beliefs": self.network_.heads[0].uses_beliefs}
        numbers["owns_trunk"] = self._owns_trunk
        history = np.frombuffer(json.dumps(self.history_).encode(), np.uint8)
        return state | {name: np.array(int(number)) for name, number in numbers.items()} | {"history": history}

    def set_state(self, state: dict[str, np.ndarray]) -> None:
        """Restore the arrays of :meth:`get_state`; the stage must have the network that they were trained with.

        Raises
        ------
        ValueError
            If weights are missing, unexpected, or have other shapes.
        """
        network = assemble(self.design(), int(state["n_maps"]), [bool(state["uses_beliefs"])])
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
        self.adopt(network, 0, json.loads(np.asarray(state["history"], np.uint8).tobytes()))
        self._owns_trunk = bool(state["owns_trunk"])

    def __getstate__(self):
        if hasattr(self, "network_"):
            self.network_.cpu()  # so that a pickle opens on a machine without CUDA; predict moves it back
            self._compiled = {}
        return super().__getstate__()


def _group_size(images: np.ndarray) -> int:
    """Number of crops that are computed together."""
    return max(1, min(MOST_AT_ONCE, PIXELS_AT_ONCE // (images.shape[1] * images.shape[2])))


def _trunk_key(trunk: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, tensor in trunk.state_dict().items():
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(tensor.cpu().numpy()).tobytes())
    return digest.hexdigest()
