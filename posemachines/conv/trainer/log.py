"""The training log: a CSV table, and TensorBoard events if TensorBoard is installed."""

from __future__ import annotations

import csv
import io
import logging
from pathlib import Path

from ..._utils.replacing import replacing

__all__ = ["TrainingLog", "flat_row"]

logger = logging.getLogger(__name__)
TABLE = "training.csv"


def flat_row(row: dict) -> dict[str, float | int | str]:
    """A row of the history with one column per stage: ``loss_stage1``, ``pck@0.2_stage1``, ..."""
    flat: dict[str, float | int | str] = {}
    for name, value in row.items():
        if name == "gradients":  # one histogram per layer does not fit into a table
            continue
        if isinstance(value, list):
            flat |= {f"{name}_stage{number}": one for number, one in enumerate(value, 1)}
        else:
            flat[name] = value
    return flat


class TrainingLog:
    """Log of a training in a folder.

    Parameters
    ----------
    folder : path or None
        Folder for ``training.csv``, with one row per epoch, and TensorBoard's event files. None writes nothing.
    """

    def __init__(self, folder: str | Path | None) -> None:
        self.folder = None if folder is None else Path(folder)
        self.events = None if folder is None else _event_writer(Path(folder))

    def write(self, history: list[dict]) -> None:
        """Write all rows to the table, and the last one as events."""
        if self.folder is None:
            return
        rows = [flat_row(row) for row in history]
        names = list(dict.fromkeys(name for row in rows for name in row))
        text = io.StringIO()
        table = csv.DictWriter(text, names, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
        self.folder.mkdir(parents=True, exist_ok=True)
        with replacing(self.folder / TABLE) as temporary:
            temporary.write_text(text.getvalue(), encoding="utf-8")
        if self.events is not None:
            for name, value in rows[-1].items():
                if not isinstance(value, str) and name not in ("epoch", "step"):
                    kind, _, stage = name.rpartition("_stage")
                    self.events.add_scalar(f"{kind}/stage {stage}" if kind else name, value, rows[-1]["step"])

    def close(self) -> None:
        """Close the event file."""
        if self.events is not None:
            self.events.close()


def _event_writer(folder: Path):
    """TensorBoard's writer, or None if TensorBoard is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        logger.info("TensorBoard is not installed: only the table %s is written", folder / TABLE)
        return None
    folder.mkdir(parents=True, exist_ok=True)
    return SummaryWriter(str(folder))
