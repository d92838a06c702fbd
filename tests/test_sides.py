"""Left-right pairs by the names of the parts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posemachines.sides import find_pairs, mirror_pairs

MOUSE = (
    "paw1LH_top, paw2LF_top, paw3RF_top, paw4RH_top, tailBase_top, tailMid_top, nose_top, obs_top, paw1LH_bot, "
    "paw2LF_bot, paw3RF_bot, paw4RH_bot, tailBase_bot, tailMid_bot, nose_bot, obsHigh_bot, obsLow_bot"
)


def names(text):
    return [name.strip() for name in text.split(",")]


@pytest.mark.parametrize(
    ("parts", "pairs"),
    [
        ("left_ear, right_ear, pawL1, pawR1", "right_ear/left_ear, pawR1/pawL1"),
        ("earL_top, earR_top", "earR_top/earL_top"),
        ("l1, r1, L1, R1", "r1/l1, R1/L1"),
        (MOUSE, "paw3RF_top/paw2LF_top, paw4RH_top/paw1LH_top, paw3RF_bot/paw2LF_bot, paw4RH_bot/paw1LH_bot"),
        ("snout, leftear, rightear, tailbase", "rightear/leftear"),
        ("LF, RF, LH, RH", "RF/LF, RH/LH"),
        ("FL, FR, RL, RR", "FR/FL, RR/RL"),
        ("LF, RF, LR, RR", "RF/LF, RR/LR"),
        ("paw_lf, paw_rf, paw_lh, paw_rh", "paw_rf/paw_lf, paw_rh/paw_lh"),
        ("Left_ear, right_ear", "right_ear/Left_ear"),
        ("ear left, right ear", "right ear/ear left"),
        ("Rpaw, Lpaw, rknee, lknee, RASI, LASI", "Rpaw/Lpaw, rknee/lknee, RASI/LASI"),
        ("LEar, REar, hindleftpaw, hindrightpaw", "REar/LEar, hindrightpaw/hindleftpaw"),
        ("left eye right corner, right eye left corner", "right eye left corner/left eye right corner"),
        ("L4_left, L4_right, L5_left, L5_right", "L4_right/L4_left, L5_right/L5_left"),
        ("linkes Ohr, rechtes Ohr, Nase", "rechtes Ohr/linkes Ohr"),
        ("oreille gauche, oreille droite", "oreille droite/oreille gauche"),
        ("ojo izquierdo, ojo derecho, oreja izquierda, oreja derecha", "ojo derecho/ojo izquierdo, "
         "oreja derecha/oreja izquierda"),
        ("occhio destro, occhio sinistro, mano_dx, mano_sx", "occhio destro/occhio sinistro, mano_dx/mano_sx"),
        ("olho esquerdo, olho direito", "olho direito/olho esquerdo"),
        ("vänster öga, höger öga", "höger öga/vänster öga"),
        ("høyre øre, venstre øre", "høyre øre/venstre øre"),
        ("左目, 右目, 鼻", "右目/左目"),
    ],
)  # fmt: skip
def test_pairs_by_name(parts, pairs):
    found = find_pairs(names(parts))
    assert ", ".join("/".join(pair) for pair in found.pairs) == pairs
    assert found.unmatched == ()
    assert found.usable == found.pairs == mirror_pairs(names(parts))
    assert found.note() == f"left-right pairs by name: {pairs}"


@pytest.mark.parametrize(
    "parts",
    [
        "rib, lip, rear, lateral, tail1, rostral, leg, right angle, tail tip, cleft, bright spot, upright",
        "L1, L2, L3, L4, L5, S1, Th12",  # lumbar vertebrae
        "a, b, c, d, k, l, m, n, q, r, s, t",  # an enumeration
        "point_a, point_b, point_d, point_l, point_r, point_s",
        "vallecula, tongueRoot1, tongueRoot2, tongueBody1, tongueBody2, tongueTip1, hyoid, mandible, shortTendon",
        "1, 2, 3",
        "Ar, Or, Po, LI, UI, L1, U1",
    ],
)
def test_names_without_a_side(parts):
    found = find_pairs(names(parts))
    assert (found.pairs, found.unmatched, found.note()) == ((), (), "")


@pytest.mark.parametrize(
    ("parts", "unmatched"),
    [
        ("left_ear, right_ear, left_paw", "left_paw"),
        ("paw_L, paw_R, tail_L", "tail_L"),
        ("whiskerL1, whiskerL2, whiskerR1", "whiskerL2"),
        ("ear_left, ear_right, EAR_LEFT", "EAR_LEFT"),
        ("eye_left, eye_Left, Eye_RIGHT", "eye_left, eye_Left, Eye_RIGHT"),  # two candidates: none is taken
        ("pawR, snout", "pawR"),
    ],
)
def test_unmatched_sides_switch_mirroring_off(parts, unmatched):
    found = find_pairs(names(parts))
    assert ", ".join(found.unmatched) == unmatched
    assert found.usable == ()
    for word in (*found.unmatched, "crops are not mirrored", "pairs="):
        assert word in found.note()


@given(st.lists(st.text("lrLR12_ abpaweft", min_size=1, max_size=8), unique=True, max_size=12))
def test_every_part_is_in_one_pair_at_most(parts):
    found = find_pairs(parts)
    paired = [part for pair in found.pairs for part in pair]
    assert len(paired) == len({*paired})
    assert {*paired} <= {*parts}
    assert not {*paired} & {*found.unmatched}
    backwards = find_pairs(parts[::-1])
    assert {frozenset(pair) for pair in backwards.pairs} == {frozenset(pair) for pair in found.pairs}
