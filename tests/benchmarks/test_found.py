"""Findings in sentences, made from result files."""

import json

import pytest

from benchmarks.publishing import found, found_answers, found_claims, found_inside, found_words, results_file


@pytest.mark.parametrize("name", found.PAGES)
def test_every_finding_is_a_sentence_with_its_table(name):
    text, known = found.sentence(name), found.table(name)
    assert text.endswith(".")
    assert (known is None) == (text == "Not measured yet.")
    if known is not None:
        heads, rows = known
        assert rows
        assert all(len(row) == len(heads) for row in rows)
        assert "nan" not in f"{text} {rows}"
        assert "-0.0 " not in f"{text} "
        assert results_file.read(name)["command"].startswith(f"python benchmarks/{found.PAGES[name].script}.py")


def test_unfinished_results_are_not_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(results_file, "FOLDER", tmp_path)
    (tmp_path / "stages.json").write_text(json.dumps({"finished": False}))
    assert found.sentence("stages") == found.sentence("cost") == "Not measured yet."
    assert found.table("stages") is None


def test_the_summary_has_one_row_per_study(tmp_path, monkeypatch):
    heads, rows = found.summary()
    assert [row[0] for row in rows] == [page.claim for page in found.PAGES.values()]
    assert all(len(row) == len(heads) for row in rows)
    assert [row[1] for row in rows[6:]] == ["-"] * 4
    assert max(len(cell) for row in rows for cell in row) < 200, "short enough for a cell"
    verdicts = {found_words.HELD, found_words.IN_PART, found_words.NOT_HELD}
    assert {row[3] for row in rows[:6]} <= verdicts | {"-"}
    assert {row[3] for row in rows[6:]} <= {found_words.ANSWER, "-"}

    monkeypatch.setattr(results_file, "FOLDER", tmp_path)
    (tmp_path / "compare_lspet.json").write_text(json.dumps(comparison(13.0, 10.0) | {"finished": True}))
    rows = found.summary()[1]
    assert rows[0][2:] == ("+13.0 (+12.0 to +14.0) @0.2, +10.0 (+9.0 to +11.0) @0.1", "confirmed")
    assert all(row[2:] == ("Not measured yet.", "-") for row in rows[1:])


# -- words ----------------------------------------------------------------------------------------------------------


def step(a, b, difference, significant=True, threshold="0.2"):
    ends = [difference - 1, difference + 1]
    return {
        "a": a, "b": b, "threshold": threshold, "difference": difference, "interval": ends, "significant": significant,
        "p_holm": 0.001 if significant else 0.11,
    }  # fmt: skip


def figures(value, spread=1.0):
    """Accuracy of a stage."""
    around = [value - spread, value + spread]
    return {"pck": {"0.1": value / 2, "0.2": value}, "interval": {"0.1": around, "0.2": around}}


@pytest.mark.parametrize(
    ("value", "text"), [(-0.011, "-0.01"), (-0.859, "-0.9"), (0.0, "0.0"), (-0.0, "0.0"), (-0.00001, "0.0"), (2, "2.0")]
)
def test_small_numbers_are_not_shown_as_0(value, text):
    assert found_words.number(value) == text


def test_a_step_reads_the_same_from_both_sides():
    steps = [step("a", "b", 2.0)]
    assert found_words.step(steps, "a", "b").ends == [1.0, 3.0]
    assert found_words.step(steps, "b", "a").ends == [-3.0, -1.0]
    assert found_words.step(steps, "b", "a").lost
    assert found_words.against(found_words.step(steps, "b", "a"), "it") == "is 2.0 points below it (1.0 to 3.0)"
    with pytest.raises(ValueError, match="does not compare a with c"):
        found_words.step(steps, "a", "c")


# -- claims ---------------------------------------------------------------------------------------------------------


def comparison(coarse, fine, sure=True):
    differences = [step("cpm", "pm", coarse), step("cpm", "pm", fine, sure, "0.1")]
    return {"differences": differences}


@pytest.mark.parametrize(
    ("result", "verdict", "words"),
    [
        (
            comparison(13.0, 10.0),
            "confirmed",
            "gain 13.0 points at PCK@0.2 (12.0 to 14.0), less than the paper's 30.9, and",
        ),
        (
            comparison(40.0, 42.0),
            "confirmed",
            "more than the paper's 30.9, and 42.0 points at PCK@0.1 (41.0 to 43.0), consistent",
        ),
        (comparison(13.0, 0.5, False), "partly confirmed", "+0.5 points at PCK@0.1 (-0.5 to +1.5; not significant)"),
        (comparison(-3.0, -2.0), "not confirmed", "change accuracy by -3.0 points at PCK@0.2 (-4.0 to -2.0)"),
    ],
)
def test_the_gain_is_compared_with_the_paper_by_its_interval(result, verdict, words):
    finding = found_claims.compare(result)
    assert finding.verdict == verdict
    assert finding.sentence.startswith(f"The claim is {verdict}: ")
    assert words in finding.sentence


def fields(*gains):
    """A result of nets of 16 px, 32 px, ... with a gain from each to the next; None is not significant."""
    count = len(gains) + 1
    nets = [{"receptive_field": 16 * n, "receptive_field_in_torsos": 0.5 * n} for n in range(1, count + 1)]
    steps = [
        step(f"{16 * (n + 1)} px", f"{16 * n} px", gain or 0.5, gain is not None) for n, gain in enumerate(gains, 1)
    ]
    return {"nets": nets, "steps": steps, "settings": {"crop_size": 128}}


@pytest.mark.parametrize(
    ("gains", "verdict", "words"),
    [
        (
            (2, 3, None, None),
            "confirmed",
            "up to 48 px (1.5 torso lengths) in crops of 128 px, with a last gain of 3.0 points",
        ),
        ((2, 3, None, None), "confirmed", "(2.0 to 4.0); no further step is a significant gain. In the paper"),
        ((2, 2, 2, 2), "partly confirmed", "up to 80 px (2.5 torso lengths)"),
        ((2, 2, 2, 2), "partly confirmed", "no saturation was observed"),
        ((2, None, None, 2), "partly confirmed", "significant gains at 2 of 4 steps"),
        ((2, 2, 2, -2), "partly confirmed", "losses of 2.0 points at 80 px (1.0 to 3.0)"),
        ((None, None, -2), "not confirmed", "none of the 3 steps from 16 px to 64 px is a significant gain"),
    ],
)
def test_saturation_is_reported_only_if_observed(gains, verdict, words):
    finding = found_claims.field(fields(*gains))
    assert finding.verdict == verdict
    assert words in finding.sentence


def strategies(greedy, both, last, sure=True):
    """A result with the leads of three strategies over joint training; `sure`: that of a single loss is significant."""
    steps = [step("stagewise", "joint", greedy), step("stagewise+joint", "joint", both)]
    other = {"joint": last, "stagewise": last - greedy, "stagewise+joint": last - both}
    steps += [step("joint-without-supervision", name, gain, sure) for name, gain in other.items()]
    return {"strategies": dict.fromkeys((*other, "joint-without-supervision")), "differences": steps}


@pytest.mark.parametrize(
    ("result", "verdict", "words"),
    [
        (strategies(-9, -3, -20), "confirmed", "is the worst here, too: it is 20.0 points below joint training"),
        (strategies(-9, -3, -5), "partly confirmed", "is not the worst here: it is 5.0 points below joint training"),
        (strategies(-9, -3, -0.5, False), "partly confirmed", "(-0.5 points, -1.5 to +0.5; p = 0.11 after Holm's"),
        (strategies(-9, -3, -20), "confirmed", "stage by stage is 9.0 points below joint training"),
        (strategies(9, 3, 5), "not confirmed", "and is 4.0 points below training stage by stage"),
    ],
)
def test_the_worst_strategy_is_below_every_other(result, verdict, words):
    finding = found_claims.strategies(result)
    assert finding.verdict == verdict
    assert words in finding.sentence
    assert "equal cost" not in finding.sentence


def climbs(forests, net):
    """A result with the gain of each further stage; None is not significant."""
    machines, steps = {}, {}
    for name, gains in {"pm": forests, "cpm": net}.items():
        machines[name] = [{"n_stages": n} for n in range(1, len(gains) + 2)]
        steps[name] = [step(f"{n + 1}", f"{n}", gain or 0.1, gain is not None) for n, gain in enumerate(gains, 1)]
    return {"machines": machines, "steps": steps}


FIVE, THREE, NONE = (4, 3, 2, 2, None), (4, 3, None, None, None), (None,) * 5


@pytest.mark.parametrize(
    ("result", "verdict", "words"),
    [
        (
            climbs(FIVE, FIVE),
            "confirmed",
            "forests rises up to stage 5 of 6, with a last gain of 2.0 points (1.0 to 3.0)",
        ),
        (climbs(FIVE, THREE), "partly confirmed", "net rises up to stage 3 of 6, with a last gain of 3.0 points"),
        (climbs((4, 3, 2, 2, -2), FIVE), "partly confirmed", "losses of 2.0 points at stage 6 (1.0 to 3.0)"),
        (climbs((4, 3, 2, 2, 2), FIVE), "partly confirmed", "without flattening"),
        (climbs(NONE, NONE), "not confirmed", "no further stage of the net gives a significant gain"),
    ],
)
def test_stages_rise_up_to_about_five(result, verdict, words):
    finding = found_claims.stages(result)
    assert finding.verdict == verdict
    assert words in finding.sentence


# -- inside ---------------------------------------------------------------------------------------------------------


def gradients(every, last, reached=(30.0, 30.0)):
    """Gradients and accuracy of a net with both kinds of supervision."""
    made = {}
    for name, size, value in zip(("all", "last"), (every, last), reached, strict=True):
        layers = {when: [{"std": size}] for when in ("early", "middle", "late")}
        made[name] = {"layers": layers, "epochs": {"late": 6}, "stages": [figures(value)]}
    return made


GONE, THERE = gradients(1.0, 1e-4), gradients(1.0, 0.25)


@pytest.mark.parametrize(
    ("nets", "verdict", "words"),
    [
        ((GONE, GONE), "confirmed", "The claim is confirmed for the paper's net A and cpm-lite: "),
        ((GONE, THERE), "partly confirmed", "confirmed for the paper's net A and not confirmed for cpm-lite: "),
        (
            (GONE, THERE),
            "partly confirmed",
            "10,000 times larger in the paper's net A and 4.0 times larger in cpm-lite",
        ),
        ((THERE, THERE), "not confirmed", "Accuracy does not suffer here: after 6 epochs"),
        ((gradients(1.0, 0.0, (40.0, 30.0)), GONE), "confirmed", "Accuracy suffers in the paper's net A here: "),
        ((gradients(1.0, 0.0), GONE), "confirmed", "infinitely many times larger in the paper's net A"),
    ],
)
def test_gradients_are_judged_net_by_net(nets, verdict, words):
    result = {"nets": dict(zip(("cvpr", "lite"), nets, strict=True))}
    finding = found_inside.gradient(result)
    assert finding.verdict == verdict
    assert words in finding.sentence
    rows = found_inside.gradient_table(result)[1]
    assert rows[0][:2] == ("the paper's net A", "a loss at every stage")


def withheld(others, head):
    """Losses of elbows and wrists without all other parts, and without head and neck, within 1.5 points."""
    points = {"all but its own": others, "head and neck": head, "shoulders": 0.2, "hips": 0.1}
    rows = [
        {"withheld": name, "points": value, "interval": [value - 1.5, value + 1.5]} for name, value in points.items()
    ]
    return {"withheld": {"elbows": rows, "wrists": rows}}


@pytest.mark.parametrize(
    ("forests", "net", "verdict", "words"),
    [
        ((-6, -4), (-6, -4), "confirmed", "The claim is confirmed for the forests and the net."),
        (
            (-6, -4),
            (-6, -4),
            "confirmed",
            "significant are -4.0 for elbows without head and neck (-5.5 to -2.5) and -4.0",
        ),
        ((-6, -1), (-6, -1), "partly confirmed", "largest being -1.0 for elbows without head and neck (-2.5 to +0.5)"),
        ((-6, -1.8), (-6, -1.8), "partly confirmed", "no easy group alone"),  # excludes 0, but not if corrected
        (
            (-6, -4),
            (-1, -1),
            "partly confirmed",
            "The claim is confirmed for the forests and not confirmed for the net.",
        ),
        ((1, 1), (1, 1), "not confirmed", "by +1.0 points for elbows (-0.5 to +2.5) and +1.0 points for wrists"),
    ],
)
def test_context_from_easy_parts_matters_on_its_own(forests, net, verdict, words):
    finding = found_inside.context({"machines": {"pm": withheld(*forests), "cpm": withheld(*net)}})
    assert finding.verdict == verdict
    assert words in finding.sentence
    assert "Bonferroni's correction for 16 intervals" in finding.sentence


# -- answers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("leads", "words"),
    [
        (
            (2, 5, 9),
            "The curves do not cross on these photos: the net is significantly ahead with every number of subjects",
        ),
        (
            (-2, None, 9),
            "The curves cross on these photos: the net is significantly ahead with 8,000 subjects, the forests",
        ),
        (
            (-2, None, 9),
            "are significantly ahead with 50 subjects, neither is significantly ahead with 500 subjects. The lead",
        ),
        ((None, None, None), "do not cross on these photos: neither is significantly ahead with every number"),
        ((-2, -5, -9), "is -2.0 (-3.0 to -1.0) with 50 subjects and -9.0 (-10.0 to -8.0) with 8,000 subjects"),
    ],
)
def test_where_the_machines_cross(leads, words):
    sizes = (50, 500, 8000)
    steps = [
        {"people": n, **step("cpm", "pm", lead or 0.1, lead is not None)} for n, lead in zip(sizes, leads, strict=True)
    ]
    finding = found_answers.samples({"sizes": [{"people": size} for size in sizes], "differences": steps})
    assert finding.verdict == "answer"
    assert words in finding.sentence


def point(machine, value, ms, stages=1, people=8000, **more):
    known = {"cpu_minutes": 20.0, "peak_mib": 300.0} | more
    return (
        {"machine": machine, "label": machine.title(), "stages": stages, "people": people, "ms": ms}
        | figures(value)
        | known
    )


def test_the_fronts_in_words():
    points = [
        point("mean", 5, 0.01),
        point("pm", 20, 2, cpu_minutes=None, peak_mib=None),
        point("pm", 30, 4, 3, 500, cpu_minutes=2.0),
        point("cpm", 40, 5, 1, cpu_minutes=None, peak_mib=None),
        point("cpm", 50, 7, 3),
        {**point("mediapipe", 90, 3), "cpu_minutes": None, "peak_mib": None},
        point("deep-pose", 45, 6),
    ]
    result = {"points": points, "fronts": {"ms": [0, 1, 3, 6, 4], "cpu_minutes": [0, 2, 4], "peak_mib": [0, 4]}}
    finding = found_answers.cost(result)
    assert (
        "for time per image: the forests (1 of 3 stages), the net (1 and 3 of 3 stages) and deep-Pose;"
        in finding.sentence
    )
    assert (
        "for training time: the forests (500 subjects) and the net; for memory in training: the net."
        in finding.sentence
    )
    assert (
        "The most accurate, the net with 3 stages, reaches 50.0 (49.0 to 51.0) at PCK@0.2 and needs 7 ms"
        in finding.sentence
    )
    assert "forests on 2 of 3 fronts" in finding.short
    assert "mediapipe" not in finding.sentence.lower()
    rows = found_answers.cost_table(result)[1]
    assert rows[0][-3:] == ("7 *", "20 *", "300 *")
    assert rows[-1][0] == "Mean"


def test_a_machine_is_behind_where_intervals_do_not_overlap():
    def row(severity, forests, net):
        return {"severity": severity, "pm": figures(forests), "cpm": figures(net)}

    result = {
        "labels": {"blur": "Blur, sigma [px]", "jpeg": "JPEG quality"},
        "clean": {"pm": figures(40.0), "cpm": figures(50.0)},
        "disturbances": {"blur": [row(1.5, 30.0, 29.5), row(3, 30.0, 20.0)], "jpeg": [row(20, 30.0, 40.0)]},
    }
    finding = found_answers.robustness(result)
    assert (
        "Averaged over 3 disturbances (2 kinds at the severities chosen here), the net keeps 60 % of its"
        in finding.sentence
    )
    assert "ahead in 1 of them and behind in 1 (blur, sigma 3 px, 20.0 (19.0 to 21.0) against 30.0" in finding.sentence
    assert finding.sentence.endswith("in the other 1, the intervals overlap.")
    result["disturbances"]["jpeg"].append(row(5, 20.0, 10.0))
    assert "JPEG quality 5" in found_answers.robustness(result).sentence
