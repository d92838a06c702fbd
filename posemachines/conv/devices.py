"""Device, precision and number of threads of the convolutions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["choose_device", "choose_precision", "describe_device", "threads"]

_PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def choose_device(device: str) -> torch.device:
    """Torch device for "auto" (CUDA if available), "cpu", "cuda" or "cuda:<index>"; ValueError otherwise."""
    n_cuda = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device == "auto":
        return torch.device("cuda" if n_cuda else "cpu")
    try:
        chosen = torch.device(device)
    except (RuntimeError, TypeError):
        chosen = None
    if chosen is None or chosen.type not in ("cpu", "cuda"):
        raise ValueError(f"device must be 'auto', 'cpu', 'cuda' or 'cuda:0'; got {device!r}")
    if chosen.type == "cuda" and (chosen.index or 0) >= n_cuda:
        raise ValueError(
            f"device is {device!r} but torch finds {n_cuda} CUDA devices; pass device='cpu' or 'auto', "
            "or install a torch build for your GPU"
        )
    return chosen


def describe_device(device: str = "auto") -> str:
    """Name of the device that a setting selects: "cpu", or the name of the GPU."""
    chosen = choose_device(device)
    return torch.cuda.get_device_name(chosen) if chosen.type == "cuda" else "cpu"


def _multiplies_bfloat16() -> bool:
    """Whether the CPU has matrix instructions for bfloat16 (AMX), as far as torch reports it."""
    return bool(getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)())


def choose_precision(precision: str, device: torch.device) -> torch.dtype:
    """Data type of the convolutions; torch.float32 means no autocast.

    "auto" selects bfloat16 on devices with matrix instructions for it (CUDA, CPUs with AMX), float16 on older CUDA
    devices, and float32 otherwise: without AMX, bfloat16 may be slower than float32.
    """
    if precision == "auto":
        if device.type == "cuda":
            return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
        return torch.bfloat16 if _multiplies_bfloat16() else torch.float32
    if precision not in _PRECISIONS:
        raise ValueError(f"precision must be 'auto', {', '.join(map(repr, _PRECISIONS))}; got {precision!r}")
    if precision == "float16" and device.type == "cpu":
        raise ValueError("precision 'float16' needs a CUDA device; on the CPU pass 'auto', 'bfloat16' or 'float32'")
    return _PRECISIONS[precision]


@contextmanager
def threads(n_jobs: int | None) -> Iterator[None]:
    """Run torch on `n_jobs` threads (None: unchanged, -1: all cores) and restore the number afterwards."""
    before = torch.get_num_threads()
    if n_jobs is not None:
        if n_jobs == 0:
            raise ValueError("n_jobs must be None, a positive number of threads, or -1 for all cores; got 0")
        torch.set_num_threads(n_jobs if n_jobs > 0 else max(1, (torch.multiprocessing.cpu_count() or 1) + 1 + n_jobs))
    try:
        yield
    finally:
        torch.set_num_threads(before)
