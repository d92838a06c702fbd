"""A comparison of machines as one page, as Markdown and as JSON (``pip install posemachines[report]``)."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path

from .._json import plain, write_json
from .._plots import plot_pck_curves, plot_stage_bars
from .._replacing import replacing
from ..cost import machine_description, measure_inference, versions
from . import _wording as words
from ._examples import Examples
from ._markdown import to_markdown
from ._page import encoded, page_content, people_sheet, stages_sheet
from .accuracy import THRESHOLDS, Evaluation, evaluate_machine
from .significance import compare_machines

__all__ = ["Examples", "Report", "describe_machine"]

PACKAGES = ("posemachines", "numpy", "scikit-learn", "numba", "torch")
MOST_BYTES = 8 * 2**20  # of a page


class Report:
    """What a comparison found, and the people to look at.

    Parameters
    ----------
    data : dict
        What ``report.json`` holds; :meth:`of` and ``benchmarks/compare_pm_cpm.py`` make it. It may be unfinished.
    examples : Examples, optional
        People for the viewer, their machines named as in `data`; those that it lacks are left out.

    Examples
    --------
    >>> report = Report.of({"forest": machine, "net": other}, crops.X, crops.y)  # doctest: +SKIP
    >>> report.to_html("report.html")  # doctest: +SKIP
    """

    def __init__(self, data: dict, examples: Examples | None = None) -> None:
        if not isinstance(data, dict) or not {"machines", "dataset", "protocol"} <= {*data}:
            raise ValueError("data must be the content of a report.json: a dict with machines, dataset and protocol")
        self.data = data
        self.examples = examples

    @classmethod
    def of(
        cls,
        machines: Mapping,
        X,
        y,
        *,
        name: str = "people",
        labels: Mapping[str, str] | None = None,
        n_examples: int = 40,
        n_timed: int = 30,
        **known,
    ) -> Report:
        """Measure fitted machines on people and compare them.

        Parameters
        ----------
        machines : dict of str to machine
            By name, the baseline first: each is compared with those before it.
        X : uint8 ndarray of shape (N, H, W, 3)
        y : ndarray of shape (N, P, 3)
            x, y in pixels of the crop, and visible.
        name : str
            Of the data.
        labels : dict, optional
            What the machines are called in the report; by default their names.
        n_examples : int, default=40
            People in the viewer.
        n_timed : int, default=30
            Images by which time and memory are measured.
        **known
            ``transforms``, ``others``, ``occluded`` and ``training`` of :func:`evaluate_machine`.

        Returns
        -------
        Report

        Raises
        ------
        ValueError
            If there is no machine, or the arrays do not do.
        """
        if not machines:
            raise ValueError("machines is empty; give at least one fitted machine by its name")
        labels = labels or {}
        entries, distances = {}, {}
        for key, machine in machines.items():
            accuracy = evaluate_machine(machine, X, y, **known)
            inference = measure_inference(machine, X, n_images=n_timed)
            entries[key] = describe_machine(machine, accuracy, inference, label=labels.get(key, key))
            distances[key] = accuracy.distances[-1]
        skeleton = next(iter(machines.values())).skeleton_
        data = {
            "format": "posemachines comparison",
            "version": 1,
            "finished": True,
            "settings": {"machines": list(machines), "test": len(X)},
            "dataset": {
                "name": name,
                "test": len(X),
                "skeleton": skeleton.name,
                "parts": list(skeleton.parts),
            },
            "protocol": {
                "metric": "PCK",
                "reference": accuracy.reference,
                "mean": "all labelled joints pooled",
                "thresholds": list(THRESHOLDS),
            },
            "computer": machine_description(),
            "versions": versions(PACKAGES),
            "machines": entries,
            "differences": compare_machines(distances),
        }
        return cls(plain(data), Examples.of(machines, X, y, n_people=n_examples))

    @classmethod
    def read(cls, path: str | Path) -> Report:
        """The report of a JSON file, without people.

        Raises
        ------
        ValueError
            If it is not such a file.
        """
        try:
            data = json.loads(Path(path).read_text(encoding="utf-8"))
        except (UnicodeDecodeError, json.JSONDecodeError) as error:
            raise ValueError(f"{path} is not readable JSON ({error})") from error
        return cls(data)

    def summary(self) -> str:
        """The main finding in one sentence; it names a winner only where the difference is significant."""
        return words.summary(self.data)

    def to_json(self, path: str | Path) -> Path:
        """Write the data; NaN becomes null."""
        write_json(self.data, path)
        return Path(path)

    def to_markdown(self, path: str | Path | None = None) -> str:
        """The findings and tables as Markdown, written where a path is given."""
        text = to_markdown(plain(self.data))
        if path is not None:
            _write(Path(path), text.encode())
        return text

    def to_html(self, path: str | Path, *, most_bytes: int = MOST_BYTES) -> Path:
        """Write everything as one HTML file that needs nothing else: no network, no other file.

        Parameters
        ----------
        path : path
            Written under a temporary name and renamed, so that a failure leaves an older file as it was.
        most_bytes : int, default=8 MiB
            Where the page would be larger, beliefs are written in fewer levels, and then fewer people are shown, with a
            warning in the log.

        Returns
        -------
        Path
            Of the file.

        Raises
        ------
        ImportError
            Without jinja2 or matplotlib.
        """
        page = _template().render(page_content(plain(self.data), self.examples, most_bytes=most_bytes)).encode()
        return _write(Path(path), page)

    def write_pictures(self, folder: str | Path) -> list[Path]:
        """Write the plots and a sheet of the example people as PNG.

        Parameters
        ----------
        folder : path
            Made where it is missing; files of the same names are replaced.

        Returns
        -------
        list of Path
            ``pck_curves.png`` and ``stage_bars.png`` where a machine is finished; with examples also ``people.png``,
            the last stage of every machine, and ``stages.png``, every stage for a few of the people.

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        written = []
        if self.data["machines"]:
            for name, plot in (("pck_curves", plot_pck_curves), ("stage_bars", plot_stage_bars)):
                stream = io.BytesIO()
                plot(self.data).savefig(stream, format="png", dpi=200, facecolor="white")
                written.append(_write(folder / f"{name}.png", stream.getvalue()))
        if self.examples is not None and self.data["machines"]:
            some = self.examples.first(12)
            written.append(_write(folder / "people.png", encoded(people_sheet(self.data, some), ".png")))
            if some.beliefs:
                written.append(_write(folder / "stages.png", encoded(stages_sheet(self.data, some), ".png")))
        return written


def describe_machine(
    machine,
    accuracy: Evaluation,
    inference: dict,
    *,
    label: str,
    training: dict | None = None,
    file_bytes: int | None = None,
    history=(),
) -> dict:
    """The entry of a machine in a report.

    Parameters
    ----------
    machine : machine
        Fitted.
    accuracy : Evaluation
    inference : dict
        As :func:`posemachines.cost.measure_inference` gives it.
    label : str
    training : dict, optional
        Cost of training, as :meth:`posemachines.cost.Cost.to_dict` gives it.
    file_bytes : int, optional
        Size of its file.
    history : list of dict, optional
        Of a net's training.

    Returns
    -------
    dict
    """
    stages = getattr(machine, "stages_", [])
    training = training or {}
    return {
        "label": label,
        "kinds": [type(stage).__name__.removesuffix("Stage").lower() for stage in stages],
        "accuracy": accuracy.to_dict(),
        "cost": {
            "training_seconds": training.get("seconds"),
            "training_cpu_seconds": training.get("cpu_seconds"),
            "peak_memory_mib": training.get("peak_mib"),
            "ms_per_image": inference["ms_per_image"],
            "complexity": inference["complexity"],
            "training": training,
            "inference": inference,
            "file_bytes": file_bytes,
        },
        "settings": [stage.get_params(deep=False) for stage in stages],
        "history": list(history),
    }


def _write(path: Path, content: bytes) -> Path:
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    return path


def _template():
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError as error:
        raise ImportError("the HTML report needs jinja2; pip install posemachines[report]") from error
    environment = Environment(
        loader=PackageLoader("posemachines"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    wordings = (
        words.number, words.settings, words.duration, words.milliseconds, words.byte_size, words.complexity,
        words.significance, words.mebibytes, words.joules,
    )  # fmt: skip
    environment.filters.update({each.__name__: each for each in wordings})
    return environment.get_template("report.html")
