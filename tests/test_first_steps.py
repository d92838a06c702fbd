"""What a user writes first, from a file of labels to a drawn photo and a report."""

import numpy as np
import pytest
from PIL import Image
from sklearn.model_selection import GridSearchCV

from posemachines import ConvPoseMachine, PoseMachine, Skeleton, compare, load, load_dataset
from posemachines.datasets import PoseDataset, make_synthetic, write_coco


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    """A COCO file of synthetic people and the folder of their photos."""
    folder = tmp_path_factory.mktemp("coco")
    (folder / "photos").mkdir()
    drawn = make_synthetic(40, random_state=0)
    paths = []
    for number in range(len(drawn)):
        paths.append(folder / "photos" / f"{number:03}.png")
        Image.fromarray(drawn.photo(number)).save(paths[-1])
    write_coco(folder / "labels.json", PoseDataset(paths, drawn.joints, drawn.skeleton))
    return folder


def test_from_labels_to_a_report(labels, tmp_path):
    data = load_dataset(labels / "labels.json", images=labels / "photos")
    train, test = data.split(test=0.2, random_state=0)
    assert (len(train), len(test)) == (32, 8)
    machine = ConvPoseMachine(
        n_stages=2, epochs=2, device="auto", crop_size=64, random_state=0, network="cpm-lite"
    ).fit(train)
    score = machine.score(test)
    assert 0 <= score <= 100
    assert "PCK@0.2 of left shoulder to right hip" in str(score)
    pose = machine.predict_photo(labels / "photos" / "000.png", boxes=[(40, 30, 80, 100)])
    assert pose.joints.shape == (1, 14, 2)
    assert pose.scores.shape == (1, 14)
    pose.draw().save(tmp_path / "drawn.png")
    with Image.open(tmp_path / "drawn.png") as drawn, Image.open(labels / "photos" / "000.png") as photo:
        assert drawn.size == photo.size
        assert (np.asarray(drawn) != np.asarray(photo)).any()
    machines = {
        "forest": PoseMachine(n_stages=2, n_rounds=2, crop_size=64, random_state=0),
        "net": ConvPoseMachine(n_stages=2, epochs=1, crop_size=64, random_state=0, network="cpm-lite"),
    }
    report = compare(machines, train, test)
    report.to_html(tmp_path / "report.html")
    assert "forest" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert [*report.data["machines"]][-2:] == ["forest", "net"]


def test_a_machine_is_used_the_next_day(labels, tmp_path):
    train, test = load_dataset(labels / "labels.json", images=labels / "photos").split(test=0.2, random_state=0)
    machine = PoseMachine(n_stages=1, n_rounds=2, crop_size=64, random_state=0).fit(train)
    machine.save(tmp_path / "machine.npz")
    again = load(tmp_path / "machine.npz", n_jobs=2)
    assert again.n_jobs == 2
    assert again.score(test) == machine.score(test)
    with pytest.raises(ValueError, match="trained on 64 x 64 px"):
        again.predict(test.crops(128))
    renamed = Skeleton("other", tuple(f"part {number}" for number in range(14)))
    with pytest.raises(ValueError, match=r"the data have the parts part 0, .* predicts right ankle"):
        again.score(PoseDataset(test.photos, test.joints, renamed))


def test_photos_by_boxes_by_joints_and_as_a_whole(labels):
    data = load_dataset(labels / "labels.json", images=labels / "photos")
    machine = PoseMachine(n_stages=1, n_rounds=2, crop_size=64, random_state=0).fit(data)
    photo = labels / "photos" / "001.png"
    by_joints = machine.predict_photo(photo, joints=data.joints[1])
    with pytest.raises(ValueError, match="pass boxes"):  # it was trained on crops around boxes
        machine.predict_photo(photo)
    on_photos = PoseMachine(n_stages=1, n_rounds=2, crop_size=64, random_state=0).fit(data.with_crop_rule("photo"))
    whole = on_photos.predict_photo(photo)
    for pose in (by_joints, whole):
        joints, scores = pose
        assert joints.shape == (1, 14, 2)
        assert np.isfinite(scores).all()
    with pytest.raises(ValueError, match="both given"):
        machine.predict_photo(photo, [(0, 0, 9, 9)], joints=data.joints[1])
    with pytest.raises(ValueError, match="no labelled joint"):
        machine.predict_photo(photo, joints=np.zeros((1, 14, 3)))


def test_grid_search_over_rounds_and_epochs():
    crops = make_synthetic(8, random_state=1).crops(32)
    for machine, grid in (
        (PoseMachine(n_stages=1, n_rounds=5, skeleton="lsp", random_state=0), {"n_rounds": [1, 2]}),
        (ConvPoseMachine(n_stages=1, skeleton="lsp", random_state=0, network="cpm-lite"), {"epochs": [1, 2]}),
    ):
        search = GridSearchCV(machine, grid, cv=2, error_score="raise").fit(crops.X, crops.y)
        assert {*search.best_params_} == {*grid}
        assert search.predict(crops.X[:1]).shape == (1, 14, 2)


def test_flat_keywords_and_expert_objects_do_not_contradict_each_other():
    from posemachines import ConvStage, ForestStage, JointTraining, StackedTraining

    X, y, _ = make_synthetic(4, random_state=0).crops(32)
    for machine, message in (
        (PoseMachine(n_rounds=5, stage=ForestStage(), skeleton="lsp"), "n_rounds and stage="),
        (PoseMachine(n_augmented=1, training=StackedTraining(), skeleton="lsp"), "n_augmented and training="),
        (ConvPoseMachine(network="cpm", stage=ConvStage(network="cpm-lite"), skeleton="lsp"), "network and stage="),
        (
            ConvPoseMachine(epochs=5, training=JointTraining(), skeleton="lsp", network="cpm-lite"),
            "epochs and the strategy",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            machine.fit(X, y)


def test_without_a_skeleton_a_machine_warns():
    X, y, _ = make_synthetic(4, random_state=0).crops(32)
    with pytest.warns(UserWarning, match="no skeleton is given"):
        PoseMachine(n_stages=1, n_rounds=1).fit(X, y)
