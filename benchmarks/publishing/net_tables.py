"""Tables of the nets' result files, for the README and the docs: rows of text, no figure typed by hand."""

from __future__ import annotations

from benchmarks.publishing.forest_tables import accuracy, calibration, read

__all__ = ["FILES", "accuracy", "calibration", "commands", "layers", "made_by", "peak", "read", "size", "speed"]

FILES = ("cpm_lspet", "conv_speed")


def size(result: dict) -> str:
    """What the shipped machine is, and what its training took."""
    fields = ", ".join(str(side) for side in result["receptive_fields"])
    trainings = result["trainings"]
    minutes = sum(training["seconds"] for training in trainings) / 60
    epochs = " and ".join(str(training["recipe"]["epochs"]) for training in trainings)
    memory = max(training["peak_memory_mib"] for training in trainings) / 1024
    return (
        f"{len(result['receptive_fields'])} stages that see {fields} px of a crop of {result['crop']} px; "
        f"{result['parameters'] / 1e6:.2f} million parameters, {result['multiply_adds'] / 1e9:.2f} billion "
        f"multiply-adds a crop, {result['file_bytes'] / 2**20:.1f} MiB in the package. Trained on {result['train']:,} "
        f"people for {epochs} epochs, {minutes:.0f} minutes in all on {result['computer']['cores']} cores, with "
        f"{memory:.1f} GiB of memory at most."
    )


def commands(result: dict) -> list[str]:
    """The commands behind a result, in their order."""
    return [each["command"] for each in result.get("trainings", [result])]


def made_by(result: dict) -> str:
    """The same as a sentence."""
    return f"Made by {' and then '.join(f'`{command}`' for command in commands(result))}."


def speed(result: dict) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """One row a comparison: both times, and the ratio with its target."""
    heads = ("Work", "Against", "Ours", "Theirs", "Ratio", "Largest difference")
    rows = [
        (
            each["work"],
            each["against"],
            f"{each['ours_ms']:,.1f} ms",
            f"{each['theirs_ms']:,.1f} ms",
            f"{each['ratio']:.2f} x",
            f"{each['difference']:.0e}",
        )
        for each in result["comparisons"]
    ]
    return heads, rows


def layers(result: dict) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """One row a kind of large convolution: which way it takes, how long each takes, and how fast that is."""
    heads = ("Kernels", "Maps", "Layers", "Direct", "By FFT", "Chosen", "GFLOP/s, of the direct one's operations")
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
    """The fastest that the computer multiplies matrices."""
    threads = result["settings"]["threads"]
    return f"A product of large matrices reaches {result['peak_gflops']:,.0f} GFLOP/s with {threads} threads."
