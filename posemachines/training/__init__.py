"""How the stages of a machine are trained: strategies, augmented copies, checkpoints."""

from .stacking import StackedTraining, predict_in_batches

__all__ = ["StackedTraining", "predict_in_batches"]
