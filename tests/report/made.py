"""Reports and example subjects that the tests of the report share, and a reader of its page."""

import json
import re
from html.parser import HTMLParser

import numpy as np

from posemachines.beliefs import decode, gaussian_beliefs
from posemachines.evaluation import evaluate_stages
from posemachines.report import Examples, evaluation_to_json
from posemachines.skeleton import Skeleton

FORK = Skeleton("fork", ("tip", "right", "left"), (("tip", "right"), ("right", "left")), pairs=(("right", "left"),))
STRIDE, ROWS, COLUMNS = 4, 5, 7
VOID = {"img", "input", "meta", "link", "br", "hr", "use", "path"}


def made_examples(skeleton, n=2, rows=ROWS, columns=COLUMNS):
    """Examples of three machines whose later stages are more certain."""
    rng = np.random.default_rng(0)
    shape = n, skeleton.n_parts, 2
    truth = np.concatenate([rng.uniform(2, STRIDE * np.array([columns, rows]) - 3, shape), np.ones(shape)[..., :1]], -1)
    beliefs = {}
    for key in ("pm", "cpm"):
        noise = rng.uniform(0, 0.2, (n, skeleton.n_parts + 1, rows, columns)).astype(np.float32)
        maps = [gaussian_beliefs(truth, (rows, columns), stride=STRIDE, sigma=sigma) + noise for sigma in (6, 3)]
        beliefs[key] = [each.astype(np.float32) for each in maps]
    joints = {"mean": [np.full(shape, 8.0)]}
    joints.update({key: [decode(maps, stride=STRIDE)[0] for maps in stages] for key, stages in beliefs.items()})
    truth[0, 0, 2] = 0
    images = rng.integers(0, 256, (n, STRIDE * rows, STRIDE * columns, 3), dtype=np.uint8)
    return Examples(images, truth, skeleton, STRIDE, beliefs, joints)


def made_report(examples, n_resamples=20):
    labels = {"mean": "Mean pose", "pm": "Pose Machine (forest)", "cpm": "Convolutional <Pose> Machine"}
    kinds = {"mean": [], "pm": ["forest"] * 2, "cpm": ["conv"] * 2}
    machines = {}
    for key, joints in examples.joints.items():
        scores = None if key == "mean" else [maps[:, :-1].max((2, 3)) for maps in examples.beliefs[key]]
        accuracy = evaluate_stages(joints, examples.truth, examples.skeleton, scores=scores, n_resamples=n_resamples)
        machines[key] = {
            "label": labels[key],
            "kinds": kinds[key],
            "accuracy": evaluation_to_json(accuracy),
            "cost": {
                "training_seconds": 91.2,
                "training_cpu_seconds": 180.1,
                "ms_per_image": {"median": 9.1, "p95": 12.0},
                "peak_memory_mib": 1812.3,
                "complexity": {"nodes": 1345678} if key == "pm" else {},
                "file_bytes": 5123456,
            },
            "settings": [{"depth": 3}] * len(kinds[key]),
            "history": [],
        }
    return {
        "format": "posemachines comparison",
        "version": 1,
        "command": "benchmarks/compare_pm_cpm.py --root '</script><script>alert(1)</script>'",
        "finished": True,
        "settings": {"train": 10, "test": 2, "machines": ["pm", "cpm"], "quick": False},
        "dataset": {"name": "figures & <friends>", "parts": list(examples.skeleton.parts), "rule": "joints"},
        "protocol": {
            "reference": "right to left",
            "mean": "all labelled joints pooled",
            "thresholds": [round(0.02 * step, 2) for step in range(26)],
        },
        "computer": {"processor": "an abacus", "cores": 2},
        "versions": {"numpy": "2.4"},
        "machines": machines,
        "differences": [difference("pm", "mean", 9.0, 1.0, 12.0), difference("cpm", "pm", 21.3, 19.0, 23.5)],
    }


def difference(a, b, value, low, high, threshold="0.2", p_holm=0.001, significant=True):
    known = {"p_value": p_holm / 2, "p_holm": p_holm, "family": 4, "significant": significant}
    return {"a": a, "b": b, "threshold": threshold, "difference": value, "interval": [low, high], **known}


class Page(HTMLParser):
    """Tags with their attributes, the text that is shown, and scripts, of an HTML file."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.text, self.scripts, self.inside = [], [], [], []
        self.content = path.read_text(encoding="utf-8")
        self.feed(self.content)
        self.text = re.sub(r"\s+", " ", " ".join(self.text))

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.inside.append(tag)

    def handle_endtag(self, tag):
        while self.inside and self.inside.pop() != tag:
            pass

    def handle_data(self, data):
        innermost = next((tag for tag in reversed(self.inside) if tag not in VOID), None)
        (self.scripts if innermost == "script" else [] if innermost == "style" else self.text).append(data)

    def all(self, tag, name=None):
        return [attributes for found, attributes in self.tags if found == tag and (name is None or name in attributes)]


def viewer_of(page):
    return next(json.loads(script) for script in page.scripts if script.lstrip().startswith("{"))
