"""How the stages of a machine are trained: strategies, augmented copies, checkpoints."""

from .._utils.deprecation import moved_names
from .stacking import StackedTraining, predict_in_batches

__all__ = ["StackedTraining", "predict_in_batches"]

__getattr__ = moved_names(__name__, Stacked="posemachines.training.StackedTraining")
