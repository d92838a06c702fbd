"""Time the convolutional pose machines against ONNX Runtime and plain PyTorch, side by side on the same input.

    pip install posemachines[bench,onnx]
    python benchmarks/speed/conv_speed.py                 # some minutes, on an idle computer

Competitors have the same weights and take turns; medians over the turns are reported. Before the measurement, their
beliefs are compared.
"""

from __future__ import annotations

import argparse
import copy
import shlex
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from torch import nn
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # run from a checkout, installed or not

from benchmarks.publishing.results_file import write_json
from benchmarks.speed.turns import Works, medians, parse_options, take_turns
from posemachines.conv._kernels import fft, spectra
from posemachines.conv._kernels.fft import LargeConv2d
from posemachines.conv.convert.onnx import export_network
from posemachines.conv.networks.network import PoseNetwork, build_network
from posemachines.conv.trainer.targets import normalise
from posemachines.profiling.cost import machine_description, versions

TOLERANCE = 1e-4  # largest difference between beliefs of the same weights
PACKAGES = ("posemachines", "numpy", "torch", "onnx", "onnxruntime", "onnxscript")
OUTPUT = Path(__file__).resolve().parents[1] / "results" / "conv_speed.json"
SIZES: dict[str, Any] = {
    "crop": 368,  # px, of net A
    "stages": 6,
    "maps": 15,
    "people": 2,  # per training step
    "lite_crop": 160,
    "lite_stages": 3,
    "lite_batches": (1, 32),
    "matrix": 2048,
    "seconds": 0.3,  # duration of a turn
}
QUICK = {"crop": 40, "stages": 2, "people": 1, "lite_crop": 32, "lite_batches": (1, 2), "matrix": 64, "seconds": 0.001}
GOALS = {  # competitor: required speed-up, target, what is compared
    "ONNX Runtime": (1.5, 2.0, "beliefs of all subjects; the exported network on the same crops"),
    "PyTorch": (1.5, 2.0, "the same; plain convolutions of contiguous maps, in single precision"),
}

LITE_GOAL = 1.0  # for cpm-lite, whose small kernels leave little to gain


# -- the clock ------------------------------------------------------------------------------------------------------


def entry(work: str, against: str, times: dict[str, np.ndarray], difference: float) -> dict:
    """One comparison of "ours" with a competitor."""
    ours, theirs = float(np.median(times["ours"])), float(np.median(times[against]))
    at_least, aim_for, compared = GOALS[against]
    at_least = LITE_GOAL if work.startswith("cpm-lite") else at_least
    found = {"work": work, "against": against, "ours_ms": ours, "theirs_ms": theirs, "ratio": theirs / ours}
    goals = {"at_least": at_least, "aim_for": aim_for, "compared": compared}
    turns = (times[against] / times["ours"]).round(2)
    all_ms = {name: float(np.median(of)) for name, of in times.items()}
    return {**found, **goals, "ratio_by_turn": turns, "all_ms": all_ms, "difference": difference}


@contextmanager
def threads(number: int) -> Iterator[None]:
    """Set the number of PyTorch threads temporarily."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


# -- the networks ---------------------------------------------------------------------------------------------------


def plain(network: PoseNetwork) -> PoseNetwork:
    """A copy in which all convolutions are those of PyTorch."""
    network = copy.deepcopy(network)
    for module in list(network.modules()):
        for name, layer in module.named_children():
            if isinstance(layer, LargeConv2d):
                own = nn.Conv2d(layer.in_channels, layer.out_channels, layer.kernel_size, padding=layer.padding)
                own.load_state_dict(layer.state_dict())
                setattr(module, name, own)
    return network


def runtime(network: PoseNetwork, side: int, options: argparse.Namespace) -> Callable[[torch.Tensor], np.ndarray]:
    """ONNX Runtime on the exported network: crops -> the last stage's beliefs."""
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads, settings.inter_op_num_threads = options.threads, 1
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "network.onnx"
        export_network(network, file, size=(side, side))
        session = onnxruntime.InferenceSession(str(file), settings, providers=["CPUExecutionProvider"])
    return lambda crops: session.run(None, {"images": crops.numpy()})[0]


@torch.inference_mode()
def beliefs(network: PoseNetwork, crops: torch.Tensor, contiguous: bool = False) -> np.ndarray:
    """Beliefs of the last stage for crops (N, H, W, 3)."""
    images = normalise(crops)
    return network(images.contiguous() if contiguous else images)[-1].numpy()


def draw(people: int, side: int) -> torch.Tensor:
    """Random crops (people, side, side, 3)."""
    return torch.randint(0, 256, (people, side, side, 3), dtype=torch.uint8)


def largest_difference(works: Works) -> float:
    """Largest difference between our beliefs and the others; AssertionError if it exceeds rounding errors."""
    ours = works["ours"]()
    largest = max(float(np.abs(ours - work()).max()) for name, work in works.items() if name != "ours")
    assert largest <= TOLERANCE, f"beliefs of the same weights differ by {largest}"
    return largest


def compare_inference(
    title: str, network: PoseNetwork, side: int, batches: Sequence[int], options: argparse.Namespace
) -> Iterator[dict]:
    """One entry per batch size and competitor, for the beliefs of the last stage."""
    exported, own = runtime(network, side, options), plain(network)
    for people in batches:
        crops = draw(people, side)
        works = {
            "ours": partial(beliefs, network, crops),
            "ONNX Runtime": partial(exported, crops),
            "PyTorch": partial(beliefs, own, crops, contiguous=True),
        }
        difference, times = largest_difference(works), take_turns(works, options)
        for rival in ("ONNX Runtime", "PyTorch"):
            yield entry(f"{title}, {people} at a time", rival, times, difference)


# -- a step of training ---------------------------------------------------------------------------------------------


def loss_of(network: PoseNetwork, crops: torch.Tensor, truth: torch.Tensor, kind: str) -> torch.Tensor:
    """Half the sum of squared errors over all stages; `kind` is the name of the competitor."""
    half = "bfloat16" in kind
    images = normalise(crops) if half or kind == "ours" else normalise(crops).contiguous()
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        staged = network(images)
    return sum(((beliefs.float() - truth) ** 2).sum() for beliefs in staged) / (2 * len(crops))


def gradients(network: PoseNetwork, *of: Any) -> list[torch.Tensor]:
    """Gradients of the loss with respect to all weights, without dropout."""
    return list(torch.autograd.grad(loss_of(network.eval(), *of), list(network.parameters())))


def training_step(network: PoseNetwork, optimizer: torch.optim.Optimizer, *of: Any) -> None:
    """Forward pass, backward pass and optimiser step."""
    optimizer.zero_grad()
    loss_of(network, *of).backward()
    optimizer.step()


def compare_training(network: PoseNetwork, options: argparse.Namespace) -> dict:
    """Steps of stochastic gradient descent on net A: ours, contiguous single precision, and bfloat16."""
    crops = draw(options.people, options.crop)
    truth = torch.rand(options.people, options.maps, *beliefs(network.eval(), crops).shape[2:])
    networks = {"ours": network, "PyTorch": plain(network)}
    networks["PyTorch, bfloat16, channels last"] = plain(network).to(memory_format=torch.channels_last)
    pairs = zip(*(gradients(networks[kind], crops, truth, kind) for kind in ("ours", "PyTorch")), strict=True)
    relative = max(float((ours - theirs).abs().max() / theirs.abs().max()) for ours, theirs in pairs)
    found = {kind: beliefs(one, crops, kind == "PyTorch") for kind, one in networks.items() if "bfloat16" not in kind}
    difference = float(np.abs(found["ours"] - found["PyTorch"]).max())
    works = {}
    for kind, one in networks.items():
        optimizer = torch.optim.SGD(one.train().parameters(), lr=1e-9, momentum=0.9, weight_decay=5e-4)
        works[kind] = partial(training_step, one, optimizer, crops, truth, kind)
    title = f"net A, a step of training on {options.people} people"
    return entry(title, "PyTorch", take_turns(works, options), difference) | {"gradient_difference": relative}


# -- layer by layer -------------------------------------------------------------------------------------------------


def layers_of(network: PoseNetwork, crops: torch.Tensor) -> Counter[tuple[LargeConv2d, torch.Size]]:
    """One large convolution of each shape, the shape of its input, and how many there are."""
    kinds: dict[tuple, tuple[LargeConv2d, torch.Size]] = {}
    counts: Counter[tuple[LargeConv2d, torch.Size]] = Counter()

    def note(layer: LargeConv2d, given: tuple[torch.Tensor, ...], _: torch.Tensor) -> None:
        counts[kinds.setdefault((layer.weight.shape, given[0].shape), (layer, given[0].shape))] += 1

    large = [module for module in network.modules() if isinstance(module, LargeConv2d)]
    hooks = [layer.register_forward_hook(note) for layer in large]
    beliefs(network, crops)
    for hook in hooks:
        hook.remove()
    return counts


def multiplications(maps: torch.Size, weight: torch.Size, tiling: spectra.Tiling) -> int:
    """Multiplications of a convolution in the frequency domain, given the spectra of the kernels."""
    (rows, columns), (row, column), (n_out, n_in) = tiling, (tiling.row, tiling.column), weight[:2]
    tiles, frequencies = maps[0] * rows.number * columns.number, len(row.tile) // 2
    into = row.tile.numel() * columns.tile + frequencies * spectra.tripled(column.tile).numel()
    back = row.result.numel() * columns.step + frequencies * column.result.numel()
    return tiles * (n_in * into + n_out * back + 2 * frequencies * len(column.tile) * n_in * n_out)


@torch.inference_mode()
def measure_layer(layer: LargeConv2d, shape: torch.Size, options: argparse.Namespace) -> dict:
    """A convolution computed directly and in the frequency domain, and which of them the library chooses."""
    maps = torch.randn(shape).contiguous(memory_format=torch.channels_last)
    ways = {"direct": copy.deepcopy(layer), "fft": copy.deepcopy(layer)}
    for way, one in ways.items():
        one.method = way
    times = medians({way: partial(one, maps) for way, one in ways.items()}, options)
    tiling, cost = fft.best_tiling(shape, layer.weight.shape, True)
    direct = shape[0] * shape[2] * shape[3] * layer.weight.numel()
    actual = {"direct": direct, "fft": multiplications(shape, layer.weight.shape, tiling)}
    gain = fft.direct_cost(shape, layer.weight.shape) / cost
    chosen = "fft" if gain > 1 else "direct"
    expected = functional.conv2d(maps, layer.weight, layer.bias, padding=layer.padding)
    return {
        "maps": tuple(shape),
        "kernels": tuple(layer.weight.shape),
        "tile": tiling.tile,
        "chosen": chosen,
        "ms": times | {"chosen": times[chosen]},
        "ratio": times["direct"] / times[chosen],
        "expected_ratio": max(1.0, gain),
        "gflops_as_if_direct": {way: 2e-6 * direct / times[way] for way in ways},
        "gflops": {way: 2e-6 * actual[way] / times[way] for way in ways},
        "difference": float((ways["fft"](maps) - expected).abs().max()),
    }


def measure_peak(options: argparse.Namespace) -> float:
    """Billions of operations per second in the product of two large matrices."""
    left, right = torch.randn(2, options.matrix, options.matrix)
    return 2e-6 * options.matrix**3 / medians({"product": partial(torch.mm, left, right)}, options)["product"]


# -- the report -----------------------------------------------------------------------------------------------------


def tables(report: dict) -> str:
    """The report as lines of text."""
    lines = [f"{'':38}{'ms':>9}  {'against':14}{'ms':>9}{'ratio':>8}{'at least':>10}{'aim for':>9}{'difference':>12}"]
    for line in report["comparisons"]:
        lines.append(
            f"{line['work']:38}{line['ours_ms']:>9.2f}  {line['against']:14}{line['theirs_ms']:>9.2f}"
            f"{line['ratio']:>7.2f}x{line['at_least']:>9.1f}x{line['aim_for']:>8.1f}x{line['difference']:>12.1e}"
        )
    for line in report["comparisons"]:
        lines += [f"{line['work']}: {name}, {ms:.2f} ms" for name, ms in line["all_ms"].items() if "bfloat16" in name]
    head = f"{'convolution':26}{'times':>6}{'direct':>9}{'fft':>9}{'ms':>4}{'chosen':>9}{'ratio':>8}"
    lines += ["", f"{head}{'tile':>10}  billions of operations per second: as if direct, and those carried out"]
    for layer in report["layers"]:
        n_out, n_in, side, _ = layer["kernels"]
        name, ms = f"{side}x{side}, {n_in} -> {n_out}, {layer['maps'][2]} px", layer["ms"]
        tile = "x".join(map(str, layer["tile"]))
        speeds = [f"{layer[kind]['fft']:>9.0f}" for kind in ("gflops_as_if_direct", "gflops")]
        lines.append(
            f"{name:26}{layer['times']:>6}{ms['direct']:>9.2f}{ms['fft']:>9.2f}{'':4}{layer['chosen']:>9}"
            f"{layer['ratio']:>7.2f}x{tile:>10}{''.join(speeds)}   direct {layer['gflops']['direct']:.0f}"
        )
    return "\n".join([*lines, f"{'product of matrices':26}{report['peak_gflops']:.0f}"])


def measure(options: argparse.Namespace) -> dict:
    """Build the networks and time them."""
    torch.manual_seed(0)
    network = build_network("cpm", n_maps=options.maps, n_stages=options.stages, caffe_compatible=True).eval()
    network.initialise("he")
    lite = build_network("cpm-lite", n_maps=options.maps, n_stages=options.lite_stages).eval()
    lite.bake()
    with threads(options.threads):
        comparisons = list(compare_inference("net A", network, options.crop, [1], options))
        layers = [
            measure_layer(layer, shape, options) | {"times": number}
            for (layer, shape), number in layers_of(network, draw(1, options.crop)).items()
        ]
        comparisons += compare_inference("cpm-lite", lite, options.lite_crop, options.lite_batches, options)
        comparisons.append(compare_training(network, options))
        return {"comparisons": comparisons, "layers": layers, "peak_gflops": measure_peak(options)}


def main(arguments: list[str] | None = None) -> int:
    """Measure, write the result file and print its tables."""
    formatter = argparse.ArgumentDefaultsHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0], formatter_class=formatter)
    parser.add_argument("--threads", type=int, default=2, help="threads of every competitor")
    parser.add_argument("--repetitions", type=int, default=5, help="turns of every competitor, at least 3")
    parser.add_argument("--people", type=int, default=SIZES["people"], help="subjects per training step")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to check that everything runs and agrees")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="result file")
    parser.set_defaults(**{name: size for name, size in SIZES.items() if name != "people"})
    options = parse_options(parser, arguments, QUICK)
    given = sys.argv[1:] if arguments is None else arguments
    head = {
        "format": "posemachines conv speed",
        "version": 1,
        "command": shlex.join(["python", "benchmarks/speed/conv_speed.py", *given]),
        "settings": {name: value for name, value in vars(options).items() if name != "output"},
        "tolerance": TOLERANCE,
        "computer": machine_description() | {"instructions": torch.backends.cpu.get_cpu_capability()},
        "versions": versions(PACKAGES),
    }
    report = head | measure(options)
    write_json(report, options.output)
    print(f"{tables(report)}\n\n{options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
