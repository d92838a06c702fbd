import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from posemachines.forest.level import LevelTraining
from posemachines.skeleton import Skeleton
from posemachines.training.checkpoints import LevelCheckpoint
from tests.toys import make_pictures

from ..forest.dots import BODY, make_beliefs, small

DATA = np.arange(6.0).reshape(2, 3), None, np.arange(3)


class Interrupted(Exception):
    pass


@pytest.fixture
def path(tmp_path):
    return tmp_path / "levels.npz"


@pytest.fixture(scope="module")
def people():
    return make_pictures(6)


@pytest.fixture
def trained(monkeypatch):
    """Numbers of the trained levels; training is interrupted before the one in ``trained.end``."""

    class Trained(list):
        end = None

    levels, fit = Trained(), LevelTraining.fit

    def fit_or_interrupt(self, level, *arguments):
        if level == levels.end:
            raise Interrupted
        levels.append(level)
        return fit(self, level, *arguments)

    monkeypatch.setattr(LevelTraining, "fit", fit_or_interrupt)
    return levels


def interrupt(trained, stage, *data, path=None, before=2):
    trained.end = before
    with pytest.raises(Interrupted):
        stage.fit(*data, skeleton=BODY, checkpoint=path)
    assert trained == list(range(before))
    trained.clear()
    trained.end = None


def assert_same_state(one, two):
    ours, theirs = one.get_state(), two.get_state()
    assert ours.keys() == theirs.keys()
    for name, array in ours.items():
        assert array.dtype == theirs[name].dtype
        np.testing.assert_array_equal(array, theirs[name])


@pytest.mark.parametrize("before", [1, 2])
@pytest.mark.parametrize("later", [False, True])
def test_interrupted_training_resumes_to_the_same_stage(path, people, trained, before, later):
    previous = make_beliefs(6, 9) if later else None
    stage = small()
    interrupt(trained, stage, people[0], previous, people[1], path=path, before=before)
    assert path.exists()
    stage.fit(people[0], previous, people[1], skeleton=BODY, checkpoint=path)
    assert trained == list(range(before, 3))
    assert not path.exists()
    whole = small().fit(people[0], previous, people[1], skeleton=BODY)
    assert_same_state(stage, whole)
    ours, theirs = (some.predict(people[0], previous, composites=True) for some in (stage, whole))
    np.testing.assert_array_equal(ours, theirs)


def test_an_interrupted_stage_is_not_fitted(path, people, trained):
    stage = small()
    interrupt(trained, stage, people[0], None, people[1], path=path)
    with pytest.raises(NotFittedError):
        stage.predict(people[0])


def test_training_may_be_interrupted_twice(path, people, trained):
    interrupt(trained, small(), people[0], None, people[1], path=path, before=1)
    trained.end = 2
    with pytest.raises(Interrupted):
        small().fit(people[0], None, people[1], skeleton=BODY, checkpoint=path)
    assert trained == [1]
    trained.end = None
    stage = small().fit(people[0], None, people[1], skeleton=BODY, checkpoint=path)
    assert trained == [1, 2]
    assert_same_state(stage, small().fit(people[0], None, people[1], skeleton=BODY))


def test_the_folder_of_a_checkpoint_is_created_and_left_empty(tmp_path, people):
    small().fit(people[0], None, people[1], skeleton=BODY, checkpoint=tmp_path / "new" / "levels.npz")
    assert list((tmp_path / "new").iterdir()) == []


def test_without_a_path_nothing_is_written(tmp_path, people, trained, monkeypatch):
    monkeypatch.chdir(tmp_path)
    interrupt(trained, small(), people[0], None, people[1])
    assert list(tmp_path.iterdir()) == []


def test_threads_and_what_only_prediction_reads_may_change(path, people, trained):
    interrupt(trained, small(), people[0], None, people[1], path=path)
    small(n_jobs=2, smoothing=2.0).fit(people[0], None, people[1], skeleton=BODY, checkpoint=path)
    assert trained == [2]


OTHER_BODY = Skeleton(BODY.name, BODY.parts, pairs=BODY.pairs, levels=(((0, 1), (1, 2)), ((0, 1, 2),)))
OTHER = {
    "other seed": lambda x, y: (small(random_state=1), x, None, y, BODY),
    "other parameters": lambda x, y: (small(l2=2.0), x, None, y, BODY),
    "fewer levels": lambda x, y: (small(levels=2), x, None, y, BODY),
    "other composites": lambda x, y: (small(), x, None, y, OTHER_BODY),
    "other images": lambda x, y: (small(), x[::-1], None, y, BODY),
    "images of another shape": lambda x, y: (small(), x.reshape(6, 28, 16, 3), None, y, BODY),
    "other joints": lambda x, y: (small(), x, None, y[:, ::-1], BODY),
    "fewer people": lambda x, y: (small(), x[1:], None, y[1:], BODY),
    "a later stage": lambda x, y: (small(), x, make_beliefs(6, 4), y, BODY),
}


@pytest.mark.parametrize("other", OTHER)
def test_the_checkpoint_of_another_training_is_refused_and_kept(path, people, trained, other):
    interrupt(trained, small(), people[0], None, people[1], path=path)
    written = path.read_bytes()
    stage, images, previous, joints, skeleton = OTHER[other](*people)
    with pytest.raises(ValueError, match="other data or with other parameters"):
        stage.fit(images, previous, joints, skeleton=skeleton, checkpoint=path)
    assert trained == []
    assert path.read_bytes() == written


def spoil(path, how):
    written = path.read_bytes()
    if how == "an array alone":
        with open(path, "wb") as stream:
            np.save(stream, np.zeros(3))
    elif how == "objects":
        np.savez(path, fingerprint=np.array([{}, None]), feature_0=np.zeros(3))
    elif how == "arrays without a fingerprint":
        np.savez(path, feature_0=np.zeros(3))
    else:
        half = len(written) // 2
        path.write_bytes({"nothing": b"", "text": b"weights", "cut off": written[:half]}.get(how, written))
    if how == "a flipped bit":
        path.write_bytes(written[:half] + bytes([written[half] ^ 8]) + written[half + 1 :])


@pytest.mark.parametrize(
    "how",
    ["nothing", "text", "cut off", "a flipped bit", "an array alone", "objects", "arrays without a fingerprint"],
)
def test_a_damaged_checkpoint_is_refused_and_kept(path, people, trained, how):
    stage = small()
    interrupt(trained, stage, people[0], None, people[1], path=path)
    spoil(path, how)
    spoiled = path.read_bytes()
    with pytest.raises(ValueError, match=r"levels\.npz is not a checkpoint.*damaged"):
        stage.fit(people[0], None, people[1], skeleton=BODY, checkpoint=path)
    assert trained == []
    assert path.read_bytes() == spoiled


def test_levels_are_kept_until_the_last(path):
    levels = [{f"leaves_{level}": np.arange(level + 2.0), f"roots_{level}": np.array([level])} for level in range(3)]
    kept = LevelCheckpoint(path, {"n": 1}, DATA)
    assert kept.levels == []
    for level in (0, 1):
        kept.add(levels[level], done=False)
        again = LevelCheckpoint(path, {"n": 1}, DATA).levels
        assert len(again) == level + 1
        for ours, theirs in zip(again, levels, strict=False):
            assert ours.keys() == theirs.keys()
            for name, array in ours.items():
                np.testing.assert_array_equal(array, theirs[name])
    kept.add(levels[2], done=True)
    assert not path.exists()
    assert len(kept.levels) == 3


@pytest.mark.parametrize(
    ("settings", "data"),
    [
        ({"n": 2}, DATA),
        ({"m": 1}, DATA),
        ({"n": 1}, (DATA[0] + 1, *DATA[1:])),
        ({"n": 1}, (DATA[0].reshape(3, 2), *DATA[1:])),
        ({"n": 1}, (DATA[0], DATA[2], None)),
        ({"n": 1}, (DATA[0], None, DATA[2].view(np.float64))),
    ],
)
def test_a_checkpoint_knows_its_settings_and_data(path, settings, data):
    LevelCheckpoint(path, {"n": 1}, DATA).add({"roots_0": np.zeros(1)}, done=False)
    assert len(LevelCheckpoint(path, {"n": 1}, DATA).levels) == 1
    with pytest.raises(ValueError, match="other data or with other parameters"):
        LevelCheckpoint(path, settings, data)


def test_without_a_path_levels_are_only_remembered(tmp_path):
    kept = LevelCheckpoint(None, {}, (None,))
    kept.add({"roots_0": np.zeros(1)}, done=False)
    kept.add({"roots_1": np.zeros(1)}, done=True)
    assert len(kept.levels) == 2
