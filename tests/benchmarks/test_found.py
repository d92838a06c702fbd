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


def test_what_is_not_finished_is_not_told(tmp_path, monkeypatch):
    monkeypatch.setattr(results_file, "FOLDER", tmp_path)
    (tmp_path / "stages.json").write_text(json.dumps({"finished": False}))
    assert found.sentence("stages") == found.sentence("cost") == "Not measured yet."
    assert found.table("stages") is None


def test_the_summary_has_a_row_a_study(tmp_path, monkeypatch):
    heads, rows = found.summary()
    assert [row[0] for row in rows] == [page.claim for page in found.PAGES.values()]
    assert all(len(row) == len(heads) for row in rows)
    assert [row[1] for row in rows[6:]] == ["-"] * 3
    assert max(len(cell) for row in rows for cell in row) < 200, "short enough for a cell"
    verdicts = {found_words.HELD, found_words.IN_PART, found_words.NOT_HELD}
    assert {row[3] for row in rows[:6]} <= verdicts | {"-"}
    assert {row[3] for row in rows[6:]} <= {found_words.ANSWER, "-"}

    monkeypatch.setattr(results_file, "FOLDER", tmp_path)
    (tmp_path / "compare_lspet.json").write_text(json.dumps(comparison(13.0, 10.0) | {"finished": True}))
    rows = found.summary()[1]
    assert rows[0][2:] == ("+13.0 (+12.0 to +14.0) @0.2, +10.0 (+9.0 to +11.0) @0.1", "held")
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
def test_what_is_not_0_is_not_told_as_0(value, text):
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
        (comparison(13.0, 10.0), "held", "gain 13.0 points at PCK@0.2 (12.0 to 14.0), less than the paper's 30.9, and"),
        (comparison(40.0, 42.0), "held", "more than the paper's 30.9, and 42.0 points at PCK@0.1 (41.0 to 43.0), an "),
        (comparison(13.0, 0.5, False), "held in part", "+0.5 points at PCK@0.1 (-0.5 to +1.5; not significant)"),
        (comparison(-3.0, -2.0), "did not hold", "change accuracy by -3.0 points at PCK@0.2 (-4.0 to -2.0)"),
    ],
)
def test_the_gain_is_compared_with_the_paper_by_its_interval(result, verdict, words):
    told = found_claims.compare(result)
    assert told.verdict == verdict
    assert told.sentence.startswith(f"The claim {verdict}: ")
    assert words in told.sentence


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
        ((2, 3, None, None), "held", "up to 48 px (1.5 torso lengths) in crops of 128 px, by 3.0 points at the last"),
        ((2, 3, None, None), "held", "(2.0 to 4.0); beyond that no step is a significant gain. In the paper"),
        ((2, 2, 2, 2), "held in part", "up to 80 px (2.5 torso lengths)"),
        ((2, 2, 2, 2), "held in part", "it was not seen to saturate"),
        ((2, None, None, 2), "held in part", "with a significant gain at 2 of 4 steps"),
        ((2, 2, 2, -2), "held in part", "and it loses 2.0 points at 80 px (1.0 to 3.0)"),
        ((None, None, -2), "did not hold", "none of the 3 steps from 16 px to 64 px is a significant gain"),
    ],
)
def test_saturation_is_told_only_where_it_was_seen(gains, verdict, words):
    told = found_claims.field(fields(*gains))
    assert told.verdict == verdict
    assert words in told.sentence


def strategies(greedy, both, last, sure=True):
    """A result with what three strategies are ahead of joint training by; one loss at the end `sure` or not."""
    steps = [step("stagewise", "joint", greedy), step("stagewise+joint", "joint", both)]
    other = {"joint": last, "stagewise": last - greedy, "stagewise+joint": last - both}
    steps += [step("joint-without-supervision", name, gain, sure) for name, gain in other.items()]
    return {"strategies": dict.fromkeys((*other, "joint-without-supervision")), "differences": steps}


@pytest.mark.parametrize(
    ("result", "verdict", "words"),
    [
        (strategies(-9, -3, -20), "held", "is the worst here, too: it is 20.0 points below joint training"),
        (strategies(-9, -3, -5), "held in part", "is not the worst here: it is 5.0 points below joint training"),
        (strategies(-9, -3, -0.5, False), "held in part", "(-0.5 points, -1.5 to +0.5; p = 0.11 after Holm's"),
        (strategies(-9, -3, -20), "held", "stage by stage is 9.0 points below joint training"),
        (strategies(9, 3, 5), "did not hold", "and is 4.0 points below training stage by stage"),
    ],
)
def test_the_worst_strategy_is_below_every_other(result, verdict, words):
    told = found_claims.strategies(result)
    assert told.verdict == verdict
    assert words in told.sentence
    assert "equal cost" not in told.sentence


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
        (climbs(FIVE, FIVE), "held", "forests rises up to stage 5 of 6, by 2.0 points at the last gain (1.0 to 3.0)"),
        (climbs(FIVE, THREE), "held in part", "net rises up to stage 3 of 6, by 3.0 points at the last gain"),
        (climbs((4, 3, 2, 2, -2), FIVE), "held in part", "but loses 2.0 points at stage 6 (1.0 to 3.0)"),
        (climbs((4, 3, 2, 2, 2), FIVE), "held in part", "and was not seen to flatten"),
        (climbs(NONE, NONE), "did not hold", "no stage of the net is a significant gain"),
    ],
)
def test_stages_rise_up_to_about_five(result, verdict, words):
    told = found_claims.stages(result)
    assert told.verdict == verdict
    assert words in told.sentence


# -- inside ---------------------------------------------------------------------------------------------------------


def gradients(every, last, reached=(30.0, 30.0)):
    """A net's gradients, and its accuracy, with either kind of losses."""
    made = {}
    for name, size, value in zip(("all", "last"), (every, last), reached, strict=True):
        layers = {when: [{"std": size}] for when in ("early", "middle", "late")}
        made[name] = {"layers": layers, "epochs": {"late": 6}, "stages": [figures(value)]}
    return made


GONE, THERE = gradients(1.0, 1e-4), gradients(1.0, 0.25)


@pytest.mark.parametrize(
    ("nets", "verdict", "words"),
    [
        ((GONE, GONE), "held", "The claim held for the paper's net A and cpm-lite: "),
        ((GONE, THERE), "held in part", "held for the paper's net A and did not hold for cpm-lite: "),
        (
            (GONE, THERE),
            "held in part",
            "10,000 times as large in the paper's net A and 4.0 times as large in cpm-lite",
        ),
        ((THERE, THERE), "did not hold", "Accuracy did not suffer from it here: after 6 epochs"),
        ((gradients(1.0, 0.0, (40.0, 30.0)), GONE), "held", "Accuracy suffered from it in the paper's net A here: "),
        ((gradients(1.0, 0.0), GONE), "held", "infinitely many times as large in the paper's net A"),
    ],
)
def test_gradients_are_judged_net_by_net(nets, verdict, words):
    result = {"nets": dict(zip(("cvpr", "lite"), nets, strict=True))}
    told = found_inside.gradient(result)
    assert told.verdict == verdict
    assert words in told.sentence
    rows = found_inside.gradient_table(result)[1]
    assert rows[0][:2] == ("the paper's net A", "a loss at every stage")


def withheld(others, head):
    """What elbows and wrists lose without all other parts, and without head and neck, within 1.5 points."""
    points = {"all but its own": others, "head and neck": head, "shoulders": 0.2, "hips": 0.1}
    rows = [
        {"withheld": name, "points": value, "interval": [value - 1.5, value + 1.5]} for name, value in points.items()
    ]
    return {"withheld": {"elbows": rows, "wrists": rows}}


@pytest.mark.parametrize(
    ("forests", "net", "verdict", "words"),
    [
        ((-6, -4), (-6, -4), "held", "The claim held, in the forests as in the net."),
        ((-6, -4), (-6, -4), "held", "significant are -4.0 for elbows without head and neck (-5.5 to -2.5) and -4.0"),
        ((-6, -1), (-6, -1), "held in part", "largest being -1.0 for elbows without head and neck (-2.5 to +0.5)"),
        ((-6, -1.8), (-6, -1.8), "held in part", "no easy group alone"),  # excludes 0, but not if corrected
        ((-6, -4), (-1, -1), "held in part", "The claim held in the forests and did not hold in the net."),
        ((1, 1), (1, 1), "did not hold", "by +1.0 points for elbows (-0.5 to +2.5) and +1.0 points for wrists"),
    ],
)
def test_context_from_easy_parts_matters_on_its_own(forests, net, verdict, words):
    told = found_inside.context({"machines": {"pm": withheld(*forests), "cpm": withheld(*net)}})
    assert told.verdict == verdict
    assert words in told.sentence
    assert "Bonferroni's correction for 16 intervals" in told.sentence


# -- answers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("leads", "words"),
    [
        (
            (2, 5, 9),
            "They do not cross on these photographs: the net is significantly ahead with every number of people",
        ),
        (
            (-2, None, 9),
            "They cross on these photographs: the net is significantly ahead with 8,000 people, the forests",
        ),
        ((-2, None, 9), "are significantly ahead with 50 people, neither is with 500 people. The net's lead"),
        ((None, None, None), "They do not cross on these photographs: neither is with every number"),
        ((-2, -5, -9), "is -2.0 (-3.0 to -1.0) with 50 people and -9.0 (-10.0 to -8.0) with 8,000 people"),
    ],
)
def test_where_the_machines_cross(leads, words):
    sizes = (50, 500, 8000)
    steps = [
        {"people": n, **step("cpm", "pm", lead or 0.1, lead is not None)} for n, lead in zip(sizes, leads, strict=True)
    ]
    told = found_answers.samples({"sizes": [{"people": size} for size in sizes], "differences": steps})
    assert told.verdict == "answer"
    assert words in told.sentence


def point(machine, value, ms, stages=1, people=8000, **more):
    known = {"cpu_minutes": 20.0, "peak_mib": 300.0} | more
    return (
        {"machine": machine, "label": machine.title(), "stages": stages, "people": people, "ms": ms}
        | figures(value)
        | known
    )


def test_the_fronts_are_told_in_words():
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
    told = found_answers.cost(result)
    assert (
        "by time of an image, the forests (1 of 3 stages), the net (1 and 3 of 3 stages) and deep-Pose;"
        in told.sentence
    )
    assert "by training time, the forests (500 people) and the net; by memory in training, the net." in told.sentence
    assert (
        "The most accurate, the net with 3 stages, reaches 50.0 (49.0 to 51.0) at PCK@0.2 and takes 7 ms"
        in told.sentence
    )
    assert "forests on 2 of 3 fronts" in told.short
    assert "mediapipe" not in told.sentence.lower()
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
    told = found_answers.robustness(result)
    assert (
        "Averaged over 3 disturbances, 2 kinds at the severities chosen here, the net keeps 60 % of its"
        in told.sentence
    )
    assert "ahead in 1 of them and behind in 1 (blur, sigma 3 px, 20.0 (19.0 to 21.0) against 30.0" in told.sentence
    assert told.sentence.endswith("in the other 1 they overlap.")
    result["disturbances"]["jpeg"].append(row(5, 20.0, 10.0))
    assert "JPEG quality 5" in found_answers.robustness(result).sentence
