"""Tables of the nets' result files, for the docs: rows of text, so that no figure is typed by hand."""

from __future__ import annotations

import re

from benchmarks.publishing.forest_tables import Table, accuracy, calibration, read

__all__ = ["FILES", "accuracy", "calibration", "commands", "layers", "peak", "read", "size", "speed", "training_speed"]

FILES = ("cpm_lspet", "conv_speed")


def size(result: dict) -> str:
    """The shipped machine and its training, in two sentences."""
    fields = ", ".join(str(side) for side in result["receptive_fields"])
    trainings = result["trainings"]
    minutes = sum(training["seconds"] for training in trainings) / 60
    epochs = " and ".join(str(training["recipe"]["epochs"]) for training in trainings)
    memory = max(training["peak_memory_mib"] for training in trainings) / 1024
    return (
        f"{len(result['receptive_fields'])} stages with receptive fields of {fields} px, for crops of "
        f"{result['crop']} px; {result['parameters'] / 1e6:.2f} million parameters, "
        f"{result['multiply_adds'] / 1e9:.2f} billion multiply-adds per crop, {result['file_bytes'] / 2**20:.1f} MiB "
        f"in the package. Trained on {result['train']:,} people for {epochs} epochs, in {minutes:.0f} minutes on "
        f"{result['computer']['cores']} cores, with a peak of {memory:.1f} GiB of memory."
    )


def commands(result: dict) -> list[str]:
    """The commands behind a result, in order."""
    return [each["command"] for each in result.get("trainings", [result])]


def speed(result: dict) -> Table:
    """One row per comparison: both times and their ratio."""
    heads = ("Work", "Compared with", "Ours", "Theirs", "Speed-up", "Largest difference")
    rows = [
        (
            _work(each["work"]),
            each["against"],
            f"{each['ours_ms']:,.1f} ms",
            f"{each['theirs_ms']:,.1f} ms",
            f"{each['ratio']:.2f} x",
            f"{each['difference']:.0e}",
        )
        for each in result["comparisons"]
    ]
    return heads, rows


def training_speed(result: dict) -> Table:
    """One row per comparison of trainings."""
    heads = ("Work", "Compared with", "Ours", "Theirs", "Speed-up")
    rows = [
        (
            one["work"],
            one["against"],
            f"{one['ours_ms']:,.1f} ms",
            f"{one['theirs_ms']:,.1f} ms",
            f"{one['ratio']:.2f} x",
        )
        for one in result["comparisons"]
    ]
    return heads, rows


def _work(text: str) -> str:
    """The work of a comparison, as result files of any age call it."""
    text = re.sub(r"a step of training on (\d+) people", r"training step, batch of \1", text)
    return re.sub(r"(\d+) at a time", r"batch of \1", text)


def layers(result: dict) -> Table:
    """One row per kind of large convolution: the time of each method, the one chosen, and its throughput."""
    heads = ("Kernels", "Maps", "Layers", "Direct", "By FFT", "Chosen", "GFLOP/s, counting direct operations")
    rows = []
    for layer in result["layers"]:
        n_out, n_in, *side = layer["kernels"]
        way = layer["chosen"]
        rows.append(
            (
                f"{side[0]}x{side[1]}, {n_in} -> {n_out}",
                f"{layer['maps'][2]}x{layer['maps'][3]}",
                str(layer["times"]),
                f"{layer['ms']['direct']:.1f} ms",
                f"{layer['ms']['fft']:.1f} ms",
                {"direct": "direct", "fft": "FFT"}[way],
                f"{layer['gflops_as_if_direct'][way]:,.0f}",
            )
        )
    return heads, rows


def peak(result: dict) -> str:
    """The speed of a matrix product on the same computer, for comparison."""
    peak_speed, threads = result["peak_gflops"], result["settings"]["threads"]
    return f"For comparison, a product of large matrices reaches {peak_speed:,.0f} GFLOP/s on {threads} threads."
