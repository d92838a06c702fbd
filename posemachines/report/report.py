"""A comparison of machines as an HTML page, Markdown or JSON (``pip install posemachines[report]``)."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path

from .._utils import formatting as form
from .._utils.json_files import plain, write_json
from .._utils.replacing import replacing
from ..evaluation.evaluator import EvaluationCrops, crop_size, crops_for, evaluate
from ..evaluation.significance import compare_machines
from ..profiling.cost import measure_inference
from . import wording as words
from .answer_charts import plot_learning_curve
from .examples import Examples
from .markdown import to_markdown
from .page import encoded, page_content, stages_sheet, subjects_sheet
from .plots import plot_pck_curves, plot_stage_bars
from .schema import comparison_to_json, machine_to_json

__all__ = ["Report"]

MOST_BYTES = 8 * 2**20  # of an HTML page


class Report:
    """Results of a comparison, with example subjects.

    Parameters
    ----------
    data : dict
        Content of a ``report.json``, finished or not; see :mod:`posemachines.report.schema`.
    examples : Examples, optional
        Subjects for the viewer, with machines named as in `data`; machines that `data` lacks are left out.

    Examples
    --------
    >>> report = Report.of({"forest": machine, "net": other}, test)  # doctest: +SKIP
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
        data,
        *,
        training=None,
        name: str | None = None,
        labels: Mapping[str, str] | None = None,
        n_examples: int = 40,
        n_timed: int = 30,
        n_resamples: int = 1000,
    ) -> Report:
        """Evaluate fitted machines on the same data and compare them.

        Parameters
        ----------
        machines : dict of str to machine
            By name, baselines first: each machine is compared with those before it.
        data : PoseDataset, Crops or (X, y)
            Test data, as :func:`.evaluate` takes it.
        training : PoseDataset, Crops or ndarray of shape (M, P, 3), optional
            Training subjects, to group accuracy by the rarity of the pose.
        name : str, optional
            Name of the data; by default its own.
        labels : dict of str to str, optional
            Display names of the machines; by default their names.
        n_examples : int, default=40
            Subjects in the viewer.
        n_timed : int, default=30
            Images for measuring time and memory.
        n_resamples : int, default=1000
            Bootstrap resamples over subjects.

        Returns
        -------
        Report

        Raises
        ------
        ValueError
            If there is no machine, or the data are invalid.
        """
        if not machines:
            raise ValueError("machines is empty; pass at least one fitted machine, by name")
        crops: dict[int | tuple[int, int], EvaluationCrops] = {}
        entries, distances = {}, {}
        for key, machine in machines.items():
            size = crop_size(machine)
            if size not in crops:
                crops[size] = crops_for(machine, data)
            accuracy = evaluate(machine, crops[size], training=training, n_resamples=n_resamples)
            inference = measure_inference(machine, crops[size].X, n_images=n_timed)
            entries[key] = machine_to_json(machine, accuracy, inference, label=(labels or {}).get(key, key))
            distances[key] = accuracy.distances[-1]
        size, first = next(iter(crops.items()))
        skeleton = next(iter(machines.values())).skeleton_
        content = comparison_to_json(
            settings={"machines": list(machines), "test": len(first.X)},
            dataset={
                "name": name or getattr(data, "name", "test data"),
                "test": len(first.X),
                "skeleton": skeleton.name,
                "parts": list(skeleton.parts),
            },
            reference=accuracy.reference,
            machines=entries,
            differences=compare_machines(distances, n_resamples=n_resamples),
        )
        shown = {key: machine for key, machine in machines.items() if crop_size(machine) == size}
        return cls(content, Examples.of(shown, first.X, first.y, n_people=n_examples))

    @classmethod
    def read(cls, path: str | Path) -> Report:
        """The report of a JSON file, without example subjects.

        Raises
        ------
        ValueError
            If the file is not a report.
        """
        try:
            data = json.loads(Path(path).read_text(encoding="utf-8"))
        except (UnicodeDecodeError, json.JSONDecodeError) as error:
            raise ValueError(f"{path} is not readable JSON ({error})") from error
        return cls(data)

    def summary(self) -> str:
        """The main finding: the lowest error and what is established about the others, or one difference of PCK.

        If each machine was trained once, no winner is named: the luck of training is not known.
        """
        return words.summary(self.data)

    def to_json(self, path: str | Path) -> Path:
        """Write the data as JSON; NaN becomes null."""
        write_json(self.data, path)
        return Path(path)

    def to_markdown(self, path: str | Path | None = None) -> str:
        """Findings and tables as Markdown, also written to `path` if given."""
        text = to_markdown(plain(self.data))
        if path is not None:
            _write(Path(path), text.encode())
        return text

    def to_html(self, path: str | Path, *, most_bytes: int = MOST_BYTES) -> Path:
        """Write a self-contained HTML page: it needs no network and no other file.

        Parameters
        ----------
        path : path
            Written under a temporary name and renamed, so a failure leaves an older file unchanged.
        most_bytes : int, default=8 MiB
            If the page would be larger, beliefs are stored in fewer levels and, if that is not enough, fewer subjects
            are shown, with a warning in the log.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        ImportError
            If jinja2 or matplotlib is missing.
        """
        page = _template().render(page_content(plain(self.data), self.examples, most_bytes=most_bytes)).encode()
        return _write(Path(path), page)

    def write_pictures(self, folder: str | Path) -> list[Path]:
        """Write the plots and sheets of the example subjects as PNG.

        Parameters
        ----------
        folder : path
            Created if missing; files of the same names are replaced.

        Returns
        -------
        list of Path
            ``pck_curves.png`` and ``stage_bars.png`` if a machine is finished; with examples also ``subjects.png``
            (last stage of every machine) and ``stages.png`` (every stage, for a few subjects); ``learning_curve.png``
            if it was measured.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        written = []
        if self.data["machines"]:
            for name, plot in (("pck_curves", plot_pck_curves), ("stage_bars", plot_stage_bars)):
                stream = io.BytesIO()
                plot(self.data).savefig(stream, format="png", dpi=200, facecolor="white")
                written.append(_write(folder / f"{name}.png", stream.getvalue()))
            answer = self.data.get("answer") or {}
            if answer.get("curve"):
                stream = io.BytesIO()
                plot_learning_curve(answer).savefig(stream, format="png", dpi=200, facecolor="white")
                written.append(_write(folder / "learning_curve.png", stream.getvalue()))
        if self.examples is not None and self.data["machines"]:
            some = self.examples.first(12)
            written.append(_write(folder / "subjects.png", encoded(subjects_sheet(self.data, some), ".png")))
            if some.beliefs:
                written.append(_write(folder / "stages.png", encoded(stages_sheet(self.data, some), ".png")))
        return written


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
        loader=PackageLoader("posemachines.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = (
        form.number, form.duration, form.milliseconds, form.byte_size, form.counts, form.p_value, form.mebibytes,
        form.joules, words.settings,
    )  # fmt: skip
    environment.filters.update({each.__name__: each for each in filters})
    return environment.get_template("report.html")
