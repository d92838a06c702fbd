import pytest

from posemachines import Skeleton
from posemachines.skeleton import COCO, CPM, FLIC, LSP, MPII, get_skeleton


@pytest.mark.parametrize(("skeleton", "n_parts"), [(LSP, 14), (CPM, 14), (FLIC, 9), (MPII, 16), (COCO, 17)])
def test_built_in_skeletons_are_consistent(skeleton, n_parts):
    assert skeleton.n_parts == n_parts
    for right, left in skeleton.pairs:
        assert skeleton.parts[right].replace("right", "left") == skeleton.parts[left]
    flipped = skeleton.flip_order
    assert [flipped[part] for part in flipped] == list(range(n_parts))
    sided = [part for part, name in enumerate(skeleton.parts) if name.startswith(("left", "right"))]
    assert sorted(part for pair in skeleton.pairs for part in pair) == sided
    first, second = skeleton.reference
    assert (skeleton.parts[first], skeleton.parts[second]) == ("left shoulder", "right hip")
    joined = {part for limb in skeleton.limbs for part in limb}
    assert joined == set(range(n_parts)), "every part is part of a limb"
    mirrored = {frozenset((flipped[a], flipped[b])) for a, b in skeleton.limbs}
    assert mirrored == {frozenset(limb) for limb in skeleton.limbs}, "limbs are symmetric"
    for level in skeleton.levels:
        assert {part for composite in level for part in composite} == set(range(n_parts))


def test_lsp_order_is_the_published_one():
    assert LSP.index("left shoulder") == 9
    assert LSP.index("right hip") == 2
    assert LSP.reference == (9, 2)


def test_parts_by_name_or_index():
    named = Skeleton("fork", ("tip", "left", "right"), limbs=(("tip", "left"),), pairs=(("right", "left"),))
    numbered = Skeleton("fork", ("tip", "left", "right"), limbs=((0, 1),), pairs=((2, 1),))
    assert named == numbered
    assert named.flip_order == (0, 2, 1)
    assert hash(named) == hash(numbered)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"parts": ()}, "at least one part"),
        ({"parts": ("a", "a")}, "repeated parts: a"),
        ({"limbs": (("a", "z"),)}, "no part 'z'"),
        ({"limbs": ((0, 5),)}, "has parts 0..2; got 5"),
        ({"limbs": ((0, 1, 2),)}, "pairs of parts"),
        ({"limbs": ("ab",)}, "pairs of parts"),
        ({"pairs": ((0, 0),)}, "with itself"),
        ({"pairs": ((0, 1), (1, 2))}, "one left-right pair only"),
        ({"reference": ("a", "b", "c")}, "pairs of parts"),
        ({"levels": (((),),)}, "empty level or composite"),
    ],
)
def test_invalid_skeletons_are_rejected(arguments, message):
    with pytest.raises(ValueError, match=message):
        Skeleton("broken", **{"parts": ("a", "b", "c"), **arguments})


def test_get_skeleton():
    assert get_skeleton("lsp") is LSP
    assert get_skeleton(LSP, 14) is LSP
    assert get_skeleton(None, 5).parts[4] == "part 4"
    with pytest.raises(ValueError, match="joints has 16 parts but the skeleton 'lsp' has 14"):
        get_skeleton("lsp", 16)
    with pytest.raises(ValueError, match="built-in ones are lsp, cpm, flic, mpii, coco"):
        get_skeleton("lspp")
    with pytest.raises(ValueError, match="got int"):
        get_skeleton(14)
    with pytest.raises(ValueError, match="number of parts is unknown"):
        get_skeleton(None)


def test_select():
    arms = LSP.select(["left wrist", "right wrist", "left elbow", "right elbow", "left shoulder", "right hip"])
    assert arms.parts[:2] == ("left wrist", "right wrist")
    assert {frozenset(arms.parts[part] for part in limb) for limb in arms.limbs} == {
        frozenset({"left wrist", "left elbow"}), frozenset({"right wrist", "right elbow"}),
        frozenset({"left elbow", "left shoulder"}),
    }  # fmt: skip
    assert arms.pairs == ((1, 0), (3, 2))
    assert arms.reference == (4, 5)
    assert (0, 2, 4) in {tuple(sorted(composite)) for composite in arms.levels[0]}
    assert LSP.select(LSP.parts) == LSP
    assert LSP.select(["neck"]).reference is None
    with pytest.raises(ValueError, match="no part 'tail'"):
        LSP.select(["tail"])
