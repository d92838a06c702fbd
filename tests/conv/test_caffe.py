import numpy as np
import pytest
import torch
from torch.nn import functional

from posemachines.conv.convert.caffe import network_from_caffe, read_caffemodel, to_caffe_layers, write_caffemodel
from posemachines.conv.networks.network import build_network

NETS = {
    "cpm": (3, 3),
    "cpm-flic": (10, 4),
    "cpm-vgg": (4, 3),
}  # maps, stages; those of "cpm-flic" distinguish it from "cpm"


def described(name, n_maps, n_stages, *, pool=3, sees_centre=True):
    """Text of a `.prototxt` of net A, B or C, in the form of the published ones."""
    lines = ['input: "data"', "input_dim: 1", "input_dim: 4", "input_dim: 368", "input_dim: 368"]

    def add(name, kind, bottoms, parameters):
        joined = " ".join(f'bottom: "{bottom}"' for bottom in bottoms)
        lines.append(f'layer {{ name: "{name}" type: "{kind}" {joined} top: "{name}" {parameters} }}')
        return name

    def conv(name, bottom, n_out, size, *, last=False):
        filler = 'param { lr_mult: 5 decay_mult: 1 } convolution_param { weight_filler { type: "gaussian" std: 0.01 } '
        add(name, "Convolution", [bottom], f"{filler} num_output: {n_out} pad: {size // 2} kernel_size: {size} }}")
        if not last:
            lines.append(f'layer {{ name: "relu_{name}" type: "ReLU" bottom: "{name}" top: "{name}" }}')
        return name

    def pooled(name, bottom, size):
        return add(name, "Pooling", [bottom], f"pooling_param {{ pool: MAX kernel_size: {size} stride: 2 }}")

    add("image", "Slice", ["data"], "slice_param { slice_point: 3 axis: 1 }")
    add("pool_center_lower", "Pooling", ["center_map"], "pooling_param { pool: AVE kernel_size: 9 stride: 8 }")
    maps, beliefs, features = "image", "", ""
    for stage in range(1, n_stages + 1):
        if name == "cpm-vgg" and stage == 1:
            for group, widths in enumerate(([64] * 2, [128] * 2, [256] * 4, [512] * 2 + [256] * 4 + [128]), 1):
                for number, width in enumerate(widths, 1):
                    maps = conv(f"conv{group}_{number}{'_CPM' * (group == 4 and number > 2)}", maps, width, 3)
                maps = pooled(f"pool{group}_stage1", maps, 2) if group < 4 else maps
            features, beliefs = maps, conv("conv5_2_CPM", conv("conv5_1_CPM", maps, 512, 1), n_maps, 1, last=True)
            continue
        if name != "cpm-vgg" and stage < 3:
            maps = "image"
            for number in (1, 2, 3):
                maps = pooled(f"pool{number}_stage{stage}", conv(f"conv{number}_stage{stage}", maps, 128, 9), pool)
        if name != "cpm-vgg":
            features = conv(f"conv{4 if stage < 3 else 1}_stage{stage}", maps, 32, 5)
        if stage == 1:
            beliefs = conv("conv5_stage1", features, 512, 9)
            beliefs = conv("conv7_stage1", conv("conv6_stage1", beliefs, 512, 1), n_maps, 1, last=True)
            continue
        joined = [beliefs, features] if name == "cpm-vgg" else [features, beliefs]
        joined += ["pool_center_lower"] * sees_centre
        inner = add(f"concat_stage{stage}", "Concat", joined, "concat_param { axis: 1 }")
        sizes = [7] * 5 + [1] if name == "cpm-vgg" else [11] * 3 + [1]
        for number, size in enumerate(sizes, 1):
            inner = conv(f"Mconv{number}_stage{stage}", inner, 128, size)
        beliefs = conv(f"Mconv{len(sizes) + 1}_stage{stage}", inner, n_maps, 1, last=True)
    return "\n".join(lines) + "\n"


def build(name, n_maps, n_stages, **design):
    torch.manual_seed(0)
    return build_network(name, n_maps=n_maps, n_stages=n_stages, **({"caffe_compatible": True} | design)).eval()


@pytest.fixture(scope="module", params=NETS)
def example(request, tmp_path_factory):
    """A caffe_compatible network, the file of its weights and that of its description."""
    folder = tmp_path_factory.mktemp(request.param)
    network = build(request.param, *NETS[request.param])
    write_caffemodel(folder / "net.caffemodel", to_caffe_layers(network))
    (folder / "net.prototxt").write_text(described(request.param, *NETS[request.param]))
    return network, folder / "net.caffemodel", folder / "net.prototxt"


@pytest.fixture(scope="module")
def layers():
    """Layers of net A with two stages and one part; all weights are zero."""
    with torch.device("meta"):
        network = build_network("cpm", n_maps=2, n_stages=2)
    network.to_empty(device="cpu")
    with torch.no_grad():
        for weight in network.parameters():
            weight.zero_()
    return to_caffe_layers(network)


def read_back(tmp_path, layers, prototxt=None, **design):
    path = tmp_path / "changed.caffemodel"
    write_caffemodel(path, layers)
    return network_from_caffe(path, prototxt, **design)


def test_a_loaded_network_predicts_the_same_beliefs(example):
    network, caffemodel, prototxt = example
    ours = network_from_caffe(caffemodel, prototxt)
    assert ours.design == network.design
    assert ours.trunk_of == network.trunk_of
    assert not ours.training
    images = torch.randn(2, 3, 24, 32)
    with torch.inference_mode():
        for first, second in zip(ours(images), network(images), strict=True):
            assert first.abs().max() > 0
            assert torch.equal(first, second)


def test_a_loaded_network_can_be_trained(example):
    ours = network_from_caffe(example[1]).train()
    sum(beliefs.sum() for beliefs in ours(torch.randn(1, 3, 16, 16))).backward()
    assert all(weight.grad is not None for weight in ours.parameters())


def test_the_file_expects_bgr_and_the_network_rgb(example):
    _, caffemodel, _ = example
    network, layers = network_from_caffe(caffemodel), read_caffemodel(caffemodel)
    images = torch.rand(2, 3, 20, 24) - 0.5
    firsts = ["conv1_1"] if network.design.name == "cpm-vgg" else ["conv1_stage1", "conv1_stage2"]
    for name, trunk in zip(firsts, network.trunks, strict=True):
        weight, bias = map(torch.from_numpy, layers[name])
        caffe = functional.conv2d(images.flip(1), weight, bias, padding=weight.shape[-1] // 2)
        assert torch.allclose(trunk[0](images), caffe, atol=1e-5)
        assert not torch.allclose(trunk[0](images.flip(1)), caffe, atol=1e-2)


def test_layers_have_the_published_names(example):
    network, caffemodel, _ = example
    names = list(read_caffemodel(caffemodel))
    n_stages = NETS[network.design.name][1]
    if network.design.name == "cpm-vgg":
        trunk = [
            f"conv{group}_{number}" for group, count in enumerate((2, 2, 4, 2), 1) for number in range(1, count + 1)
        ]
        expected = trunk + [f"conv4_{number}_CPM" for number in range(3, 8)] + ["conv5_1_CPM", "conv5_2_CPM"]
        expected += [f"Mconv{number}_stage{stage}" for stage in range(2, n_stages + 1) for number in range(1, 8)]
    else:
        expected = [f"conv{number}_stage1" for number in range(1, 8)]
        for stage in range(2, n_stages + 1):
            expected += [f"conv{number}_stage{stage}" for number in (range(1, 5) if stage == 2 else (1,))]
            expected += [f"Mconv{number}_stage{stage}" for number in range(1, 6)]
    assert names == expected


def test_the_complete_six_stage_net_in_the_legacy_format(tmp_path):
    network = build("cpm", 15, 6)
    write_caffemodel(tmp_path / "net.caffemodel", to_caffe_layers(network), legacy=True)
    (tmp_path / "net.prototxt").write_text(described("cpm", 15, 6))
    ours = network_from_caffe(tmp_path / "net.caffemodel", tmp_path / "net.prototxt")
    assert ours.design == network.design
    for (name, weight), (other, expected) in zip(ours.named_parameters(), network.named_parameters(), strict=True):
        assert name == other
        assert torch.equal(weight, expected)


@pytest.mark.parametrize(
    ("name", "n_maps", "n_stages"), [("cpm", 2, 1), ("cpm-vgg", 6, 1), ("cpm-vgg", 2, 2), ("cpm", 10, 3)]
)
@pytest.mark.parametrize("sees_centre", [True, False])
def test_any_number_of_parts_and_stages_with_and_without_a_centre_map(tmp_path, name, n_maps, n_stages, sees_centre):
    network = build(name, n_maps, n_stages, sees_centre=sees_centre or n_stages == 1)
    (tmp_path / "net.prototxt").write_text(described(name, n_maps, n_stages, sees_centre=sees_centre))
    ours = read_back(tmp_path, to_caffe_layers(network), tmp_path / "net.prototxt")
    assert ours.design == network.design
    assert len(ours.heads) == n_stages


def test_aligned_pooling_on_request(example):
    _, caffemodel, prototxt = example
    ours = network_from_caffe(caffemodel, prototxt, caffe_compatible=False)
    assert not ours.design.caffe_compatible
    kernels = {pool.kernel_size for pool in ours.modules() if isinstance(pool, torch.nn.MaxPool2d)}
    assert kernels == {2}


def test_layers_without_biases_get_zeros(tmp_path, layers):
    ours = read_back(tmp_path, layers | {"conv2_stage1": (layers["conv2_stage1"][0], None)})
    assert torch.equal(ours.trunks[0].conv2.bias, torch.zeros(128))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"conv3_stage1": None}, "does not fit net 'cpm' of 2 stages and 1 parts: layer conv3_stage1 is missing$"),
        ({"conv3_stage1": None, "Mconv1_stage2": None}, "conv3_stage1 is missing; layer Mconv1_stage2 is missing$"),
        ({"fc8": ((3, 4), 3)}, "layer fc8 is unexpected$"),
        (
            {"conv1_stage1": ((128, 1, 9, 9), 128)},
            r"conv1_stage1 has weights \(128, 1, 9, 9\), expected \(128, 3, 9, 9\)",
        ),
        ({"conv6_stage1": ((512, 512), 512)}, r"layer conv6_stage1 has weights \(512, 512\), expected"),
        ({"Mconv1_stage2": ((128, 36, 11, 11), 128)}, r"Mconv1_stage2 has weights .*, expected \(128, 35, 11, 11\)"),
        ({"Mconv5_stage2": ((3, 128, 1, 1), 3)}, r"Mconv5_stage2 has weights .*, expected \(2, 128, 1, 1\)"),
        ({"conv5_stage1": ((512, 32, 9, 9), 511)}, "layer conv5_stage1 has 511 biases, expected 512"),
        (
            {"conv7_stage1": None},
            "is not net A, B or C: .* conv7_stage1 .*; got conv1_stage1, .* and 9 more$",
        ),
        (
            {"conv7_stage1": ((1, 512, 1, 1), 1)},
            r"conv7_stage1 has weights \(1, 512, 1, 1\), expected \(P \+ 1, 512, 1, 1\)",
        ),
        ({"conv7_stage1": ((), 1)}, r"conv7_stage1 has weights \(\), expected"),
        ({"conv1_stage4": ((32, 128, 5, 5), 32)}, "has stages 1, 2, 4; expected 1, 2, ... without gaps"),
        ({"Mconv1_stage999999": ((1, 1, 1, 1), 1)}, "has stages 1, 2, 999999; expected"),
        ({f"Mconv1_stage{stage}": ((1, 1, 1, 1), 1) for stage in range(3, 300)}, "of 299 stages and 1 parts: .* more$"),
    ],
)
def test_other_nets_are_rejected(tmp_path, layers, changes, message):
    made = {name: shape and (np.zeros(shape[0]), np.zeros(shape[1])) for name, shape in changes.items()}
    changed = {name: arrays for name, arrays in (layers | made).items() if arrays is not None}
    with pytest.raises(ValueError, match=message):
        read_back(tmp_path, changed)


def test_a_later_net_of_the_authors_is_rejected(tmp_path):
    changed = {
        "conv5_2_CPM": (np.zeros((128, 512, 3, 3)), np.zeros(128)),
        "conv6_1_CPM": (np.zeros((1, 1, 1, 1)), None),
    }
    with pytest.raises(
        ValueError, match="does not fit net 'cpm-vgg' of 1 stages and 127 parts: layer conv1_1 is missing"
    ):
        read_back(tmp_path, changed)


def test_arrays_for_caffe_are_copies(layers):
    network = build("cpm-vgg", 2, 1)
    exported = to_caffe_layers(network)
    for weight, bias in exported.values():
        weight[:], bias[:] = 7, 7
    assert all((weight.abs() < 1).all() for weight in network.parameters())


def test_only_complete_published_nets_can_be_converted():
    with torch.device("meta"):
        lite, vgg = (build_network(name, n_maps=3, n_stages=2) for name in ("cpm-lite", "cpm-vgg"))
    for network, message in ((lite, "2 stages of 'cpm-lite'"), (vgg.stage(1), "1 stages of 'cpm-vgg'")):
        with pytest.raises(ValueError, match=f"only complete published nets can be converted to Caffe; got {message}"):
            to_caffe_layers(network)


# -- descriptions ---------------------------------------------------------------------------------------------------


def relabelled(text, old, new):
    assert text.count(old) == 1
    return text.replace(old, new)


def stored(tmp_path, text):
    path = tmp_path / "other.prototxt"
    path.write_text(text)
    return path


DISAGREEING = [
    ("cpm", {"n_maps": 4}, "layer conv7_stage1 has 4 maps .*, expected 3 maps"),
    ("cpm", {"n_stages": 2}, "layer conv1_stage3 is missing; layer Mconv1_stage3 is missing"),
    ("cpm", {"n_stages": 4}, "layer conv1_stage4 is unexpected"),
    (
        "cpm",
        {"pool": 2},
        "layer pool1_stage1 has MAX with kernel 2x2, pad 0x0, stride 2x2, expected MAX with kernel 3x3",
    ),
    ("cpm", {"sees_centre": False}, "concat_stage2 joins .*conv7_stage1, expected .*conv7_stage1, the centre map"),
    ("cpm-vgg", {"name": "cpm"}, "layer conv1_1 is missing"),
    ("cpm-vgg", {"n_maps": 5}, "layer conv5_2_CPM has 5 maps"),
    ("cpm-vgg", {"n_stages": 2}, "layer Mconv1_stage3 is missing"),
    ("cpm-flic", {"n_maps": 15}, "layer conv7_stage1 has 15 maps"),
]


@pytest.mark.parametrize("example", ["cpm", "cpm-vgg", "cpm-flic"], indirect=True)
def test_a_description_of_another_net_is_rejected(example, tmp_path):
    network, caffemodel, _ = example
    own = dict(zip(("name", "n_maps", "n_stages"), (network.design.name, *NETS[network.design.name]), strict=True))
    for name, changes, message in DISAGREEING:
        if name != network.design.name:
            continue
        path = stored(tmp_path, described(**(own | changes)))
        with pytest.raises(ValueError, match=f"other.prototxt does not describe net {name!r}.*{message}"):
            network_from_caffe(caffemodel, path)


@pytest.mark.parametrize("example", ["cpm-vgg"], indirect=True)
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("num_output: 4 pad: 0 kernel_size: 1 } }\nlayer { name: \"concat_stage2\"",
         "num_output: 4 pad: 1 kernel_size: 3 } }\nlayer { name: \"concat_stage2\"",
         "layer conv5_2_CPM has 4 maps with kernel 3x3, pad 1x1, stride 1x1, expected 4 maps with kernel 1x1"),
        ("pool: AVE kernel_size: 9", "pool: AVE kernel_size: 8",
         "layer pool_center_lower has AVE with kernel 8x8, .*, expected AVE with kernel 9x9, pad 0x0, stride 8x8"),
        ('bottom: "conv5_2_CPM" bottom: "conv4_7_CPM"', 'bottom: "conv4_7_CPM" bottom: "conv5_2_CPM"',
         "concat_stage2 joins conv4_7_CPM, conv5_2_CPM, .*, expected conv5_2_CPM, conv4_7_CPM, the centre map"),
        ('bottom: "Mconv7_stage2"', 'bottom: "conv5_2_CPM"', "concat_stage3 joins conv5_2_CPM, .* expected Mconv7_"),
        ('name: "concat_stage3" type: "Concat"', 'name: "concat_stage3" type: "Sum"', "1 Concat layers, expected 2"),
        ('name: "pool3_stage1" type: "Pooling"', 'name: "pool3_stage1" type: "None"', "2 max pooling .*, expected 3"),
        ("MAX kernel_size: 2 stride: 2 } }\nlayer { name: \"conv2_1\"",
         "STOCHASTIC kernel_size: 2 stride: 2 } }\nlayer { name: \"conv2_1\"",
         "layer pool1_stage1 has STOCHASTIC with kernel 2x2, .*, expected MAX with kernel 2x2"),
    ],
)  # fmt: skip
def test_a_description_with_one_difference_is_rejected(example, tmp_path, old, new, message):
    _, caffemodel, prototxt = example
    path = stored(tmp_path, relabelled(prototxt.read_text(), old, new))
    for caffe_compatible in (True, False):
        with pytest.raises(ValueError, match=message):
            network_from_caffe(caffemodel, path, caffe_compatible=caffe_compatible)


@pytest.mark.parametrize("example", ["cpm-vgg"], indirect=True)
def test_relus_that_are_not_in_place_are_followed(example, tmp_path):
    _, caffemodel, prototxt = example
    text = relabelled(
        prototxt.read_text(), 'bottom: "conv4_7_CPM" top: "conv4_7_CPM"', 'bottom: "conv4_7_CPM" top: "f"'
    )
    text = text.replace('bottom: "conv4_7_CPM" bottom: "pool', 'bottom: "f" bottom: "pool')
    assert network_from_caffe(caffemodel, stored(tmp_path, text))
