"""Every layer of torch that a blueprint may name, written and built again."""

import json

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations as norms

from pushforward.core.blueprint import decode, encode
from pushforward.core.foreign.notes import INNER, NOTE
from pushforward.core.foreign.torch_names import LAYERS, WHOLES
from pushforward.core.values import BlueprintError

CONV = {"stride": 2, "padding": 1, "dilation": 2, "groups": 2, "bias": False}
RECURRENT = {"num_layers": 2, "bias": False, "batch_first": True, "bidirectional": True}
POOL = {"stride": 3, "padding": 1, "ceil_mode": True}
# Arguments other than the defaults, for layers that have any.
ARGUMENTS = {
    "Linear": [{"in_features": 3, "out_features": 2, "bias": False}],
    "Bilinear": [{"in1_features": 2, "in2_features": 3, "out_features": 4}],
    "LayerNorm": [
        {"normalized_shape": (2, 3), "eps": 1e-3, "bias": False},
        {"normalized_shape": 4, "elementwise_affine": False},
    ],
    "GroupNorm": [{"num_groups": 2, "num_channels": 4, "eps": 1e-3, "affine": False}],
    "RMSNorm": [{"normalized_shape": 4, "eps": 1e-3}],
    "LocalResponseNorm": [{"size": 3, "alpha": 1e-3, "beta": 0.5, "k": 2.0}],
    "Embedding": [{"num_embeddings": 5, "embedding_dim": 2, "padding_idx": 1, "max_norm": 2.0}],
    "EmbeddingBag": [{"num_embeddings": 5, "embedding_dim": 2, "mode": "sum"}],
    "RNN": [{"input_size": 2, "hidden_size": 3, "nonlinearity": "relu", **RECURRENT}],
    "GRU": [{"input_size": 2, "hidden_size": 3, "dropout": 0.5, **RECURRENT}],
    "LSTM": [{"input_size": 2, "hidden_size": 3, "proj_size": 2, **RECURRENT}],
    "RNNCell": [{"input_size": 2, "hidden_size": 3, "bias": False, "nonlinearity": "relu"}],
    "GRUCell": [{"input_size": 2, "hidden_size": 3, "bias": False}],
    "LSTMCell": [{"input_size": 2, "hidden_size": 3}],
    "Upsample": [
        {"scale_factor": 2, "mode": "bilinear", "align_corners": True},
        {"size": (4, 6)},
    ],
    "UpsamplingNearest2d": [{"scale_factor": 2}],
    "UpsamplingBilinear2d": [{"size": 4}],
    "PixelShuffle": [{"upscale_factor": 2}],
    "PixelUnshuffle": [{"downscale_factor": 2}],
    "ChannelShuffle": [{"groups": 2}],
    "Flatten": [{"start_dim": 2, "end_dim": 3}],
    "Unflatten": [{"dim": 1, "unflattened_size": (2, 3)}],
    "Fold": [{"output_size": (4, 5), "kernel_size": 2, "stride": 2}],
    "Unfold": [{"kernel_size": (2, 3), "padding": 1}],
    "Threshold": [{"threshold": 0.5, "value": -1.0}],
    "Hardtanh": [{"min_val": -2.0, "max_val": 3.0}],
    "LeakyReLU": [{"negative_slope": 0.2, "inplace": True}],
    "PReLU": [{"num_parameters": 3, "init": 0.1}],
    "RReLU": [{"lower": 0.1, "upper": 0.2}],
    "ELU": [{"alpha": 0.5}],
    "GELU": [{"approximate": "tanh"}],
    "GLU": [{"dim": 1}],
    "Softmax": [{"dim": 1}],
    "LogSoftmax": [{"dim": -1}],
    "Softplus": [{"beta": 2.0, "threshold": 10.0}],
    "Dropout": [{"p": 0.1, "inplace": True}],
    **{
        f"Conv{d}d": [{"in_channels": 2, "out_channels": 4, "kernel_size": 3, **CONV}]
        for d in (1, 3)
    },
    "Conv2d": [
        {"in_channels": 2, "out_channels": 4, "kernel_size": (3, 1), **CONV},
        {"in_channels": 2, "out_channels": 3, "kernel_size": 3, "padding": "same"},
        {"in_channels": 2, "out_channels": 3, "kernel_size": 3, "padding_mode": "circular"},
    ],
    **{
        f"ConvTranspose{d}d": [
            {"in_channels": 2, "out_channels": 4, "kernel_size": 3, "output_padding": 1, **CONV}
        ]
        for d in (1, 2, 3)
    },
    **{
        f"{kind}{d}d": [
            {"num_features": 3, "momentum": None, "affine": affine},
            {"num_features": 3},
        ]
        for d in (1, 2, 3)
        for kind, affine in (("BatchNorm", False), ("InstanceNorm", True))
    },
    **{f"MaxPool{d}d": [{"kernel_size": 3, "dilation": 2, **POOL}] for d in (1, 2, 3)},
    **{f"AvgPool{d}d": [{"kernel_size": 3, "count_include_pad": False, **POOL}] for d in (1, 2, 3)},
    **{f"LPPool{d}d": [{"norm_type": 2, "kernel_size": 3, "stride": 2}] for d in (1, 2, 3)},
    **{f"MaxUnpool{d}d": [{"kernel_size": 3, "stride": 2, "padding": 1}] for d in (1, 2, 3)},
    **{
        f"Adaptive{kind}Pool{d}d": [{"output_size": 3}]
        for kind in ("Avg", "Max")
        for d in (1, 2, 3)
    },
    **{f"FractionalMaxPool{d}d": [{"kernel_size": 2, "output_ratio": 0.5}] for d in (2, 3)},
    **{f"ConstantPad{d}d": [{"padding": 1, "value": 2.0}] for d in (1, 2, 3)},
    **{
        f"{kind}Pad{d}d": [{"padding": (1, 2)[:d] * d if d < 3 else 1}]
        for kind in ("Circular", "Reflection", "Replication", "Zero")
        for d in (1, 2, 3)
    },
}
CASES = [(name, a) for name in sorted(LAYERS) for a in ARGUMENTS.get(name, [{}])]


def again(module):
    """`module` through JSON, with its weights."""
    built = decode(json.loads(json.dumps(encode(module), allow_nan=False)))
    built.load_state_dict(module.state_dict())
    return built


def settings(module):
    """What is kept beside tensors and parts."""
    found = {k: v for k, v in vars(module).items() if k not in INNER and k != "_flat_weights"}
    return {k: v for k, v in found.items() if not k.startswith("_flat_weight_refs")}


def alike(one, other):
    assert type(other).__name__ == type(one).__name__
    assert settings(other) == settings(one)
    assert list(other.state_dict()) == list(one.state_dict())
    assert all(torch.equal(t, other.state_dict()[k]) for k, t in one.state_dict().items())
    frozen = [[n for n, p in m.named_parameters() if not p.requires_grad] for m in (one, other)]
    assert frozen[0] == frozen[1]


def test_every_layer_without_defaults_has_a_case():
    assert not ARGUMENTS.keys() - LAYERS.keys()


@pytest.mark.parametrize(("name", "arguments"), CASES, ids=[name for name, _ in CASES])
def test_a_layer_comes_back(name, arguments):
    torch.manual_seed(0)
    layer = LAYERS[name](**arguments)
    node = encode(layer)
    assert node["torch"] == name
    for key in arguments:
        assert key in node["arguments"], f"{key} of {name} was not written"
    alike(layer, again(layer))


def test_defaults_are_left_out():
    assert encode(nn.Linear(2, 3)) == {
        "torch": "Linear",
        "id": 0,
        "arguments": {"in_features": 2, "out_features": 3},
    }


def _filled_list():
    return nn.ParameterList([torch.ones(2), torch.zeros(3)])


@pytest.mark.parametrize(
    "build",
    [
        lambda: nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.Tanh(), nn.Linear(3, 1))),
        lambda: nn.ModuleDict({"a": nn.Linear(2, 3), "b": nn.ModuleList([nn.PReLU()])}),
        _filled_list,
        lambda: nn.ParameterDict({"a": torch.ones(2), "b": torch.zeros(3)}),
        lambda: nn.MultiheadAttention(4, 2, dropout=0.1, add_bias_kv=True, batch_first=True),
        lambda: nn.MultiheadAttention(4, 2, kdim=3, vdim=5, bias=False),
        lambda: nn.TransformerEncoderLayer(4, 2, 8, 0.1, nn.functional.gelu, batch_first=True),
        lambda: nn.TransformerDecoder(nn.TransformerDecoderLayer(4, 2, 8), 2, nn.LayerNorm(4)),
        lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), 2),
        lambda: nn.CrossEntropyLoss(torch.tensor([1.0, 2.0]), label_smoothing=0.1),
        lambda: nn.Sequential(nn.BCEWithLogitsLoss(reduction="sum"), nn.MSELoss()),
    ],
)
def test_what_holds_layers_comes_back(build):
    torch.manual_seed(0)
    whole = build()
    other = again(whole)
    for one, two in zip(whole.modules(), other.modules(), strict=True):
        alike(one, two)


def test_attention_of_the_copy_is_the_same():
    torch.manual_seed(0)
    encoder = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    x = torch.randn(2, 5, 8)
    assert torch.equal(encoder.eval()(x), again(encoder).eval()(x))


def test_a_recurrent_copy_computes_with_its_own_weights():
    torch.manual_seed(0)
    lstm = nn.LSTM(3, 4, 2)
    x = torch.randn(5, 2, 3)
    copy = again(lstm)
    assert torch.equal(lstm(x)[0], copy(x)[0])
    copy.load_state_dict({k: 0 * t for k, t in copy.state_dict().items()})
    assert not copy(x)[0].any()


@pytest.mark.parametrize(
    "put",
    [
        lambda: norms.spectral_norm(nn.Linear(3, 4), n_power_iterations=2, eps=1e-6),
        lambda: norms.spectral_norm(nn.ConvTranspose2d(3, 4, 2)),
        lambda: norms.weight_norm(nn.Conv1d(3, 4, 2), dim=1),
        lambda: norms.weight_norm(nn.Linear(3, 4), dim=None),
        lambda: norms.weight_norm(nn.LSTM(3, 4), "weight_hh_l0"),
        lambda: norms.orthogonal(nn.Linear(3, 4)),
        lambda: norms.orthogonal(nn.Linear(4, 4), orthogonal_map="cayley"),
        lambda: norms.orthogonal(nn.Linear(4, 3), use_trivialization=False),
        lambda: norms.spectral_norm(norms.weight_norm(nn.Linear(3, 4))),
    ],
)
def test_norms_of_weights_come_back(put):
    torch.manual_seed(0)
    layer = put().eval()
    copy = again(layer).eval()
    alike(layer, copy)
    for one, two in zip(layer.parametrizations.values(), copy.parametrizations.values()):
        for norm, other in zip(one, two):
            alike(norm, other)
    for name in layer.parametrizations:
        assert torch.equal(getattr(layer, name), getattr(copy, name))


def test_a_norm_of_ones_own_is_refused():
    class Symmetric(nn.Module):
        def forward(self, x):
            return x + x.mT

    layer = nn.utils.parametrize.register_parametrization(nn.Linear(3, 3), "weight", Symmetric())
    with pytest.raises(BlueprintError, match="parametrisation Symmetric"):
        encode(layer)


@pytest.mark.parametrize("norm", [nn.utils.spectral_norm, nn.utils.weight_norm])
@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
def test_norms_by_hooks_are_refused_with_what_to_write(norm):
    layer = nn.Sequential(nn.Linear(2, 2), norm(nn.Linear(2, 2)))
    said = rf"Sequential.1 has torch.nn.utils.{norm.__name__}.*use torch.nn.utils.parametrizations"
    with pytest.raises(BlueprintError, match=said):
        encode(layer)


def test_a_layer_without_weights_yet_is_refused_until_it_has_some():
    layer = nn.LazyLinear(3)
    with pytest.raises(BlueprintError, match="LazyLinear, which has no weights yet: call"):
        encode(layer)
    layer(torch.zeros(1, 2))
    assert encode(layer)["arguments"] == {"in_features": 2, "out_features": 3}


def test_what_is_not_on_the_list_is_refused():
    with pytest.raises(BlueprintError, match=r"is a torch.*DataParallel, which is not among"):
        encode(nn.DataParallel(nn.Linear(2, 2)))
    with pytest.raises(BlueprintError, match=r"Sequential.0 was compiled.*compile=True"):
        encode(nn.Sequential(torch.compile(nn.Linear(2, 2))))


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ({"torch": "DataParallel", "id": 0}, "no layer of torch that a file may name is called"),
        ({"torch": "Linaer", "id": 0}, "'Linaer'"),
        ({"named": "torch.load"}, "no function or type of torch that a file may name"),
        ({"named": "os.system"}, "no function or type"),
        ({"torch": "Linear", "id": 0, "arguments": {"device": "cuda"}}, "has no argument 'device'"),
        ({"torch": "Linear", "id": 0, "arguments": {"in_features": "x"}}, "no meaning"),
        ({"torch": "Sequential", "id": 0, "children": {"0": 3}}, "a int stands where a module"),
        ({"torch": "Sequential", "id": 0, "children": {"a.b": None}}, "not a name that a network"),
        (
            {"torch": "Sequential", "id": 0, "attributes": {"_modules": 3}},
            "'_modules' is not a name",
        ),
        ({"class": "Linear", "module": "torch.nn.modules.linear", "id": 0}, "no imported class"),
        ({"class": "MLP", "module": "pushforward.nn.mlp", "id": 0}, "no imported class"),
        ({"torch": "Linear", "id": 0, "norms": {"weight": [{"norm": "eval"}]}}, "no meaning"),
        (
            {"torch": "Tanh", "id": 0, "norms": {"training": [{"norm": "eval"}]}},
            "no parametrisation",
        ),
        ({"torch": "Tanh", "id": 0, "tied": {"weight": [7, "weight"]}}, "no meaning"),
        ({"torch": ["Linear"], "id": 0}, "no meaning"),
    ],
)
def test_strange_nodes_are_refused(node, said):
    with pytest.raises(BlueprintError, match=said):
        decode(node)


HUGE = 2**40


def _linear(n, out, **more):
    arguments = {"in_features": n, "out_features": out}
    return {"torch": "Linear", "id": 0, "arguments": arguments, **more}


def _norm(**settings):
    return {"weight": [settings]}


@pytest.mark.parametrize(
    "node",
    [
        _linear(HUGE, 1),
        [_linear(2**10, 2**10) for _ in range(20)],
        _linear(1, 2**16, norms=_norm(norm="orthogonal", orthogonal_map="householder")),
        _linear(1, 1, norms=_norm(norm="spectral_norm", n_power_iterations=HUGE)),
        {
            "torch": "LSTM",
            "id": 0,
            "arguments": {"input_size": 1, "hidden_size": 1, "num_layers": HUGE},
        },
        {
            "torch": "Module",
            "id": 0,
            "parameters": {"w": {"dtype": "float32", "shape": [2**30, 2**20]}},
        },
    ],
)
def test_more_than_the_file_holds_is_refused_before_there_is_memory_for_it(node):
    with pytest.raises(BlueprintError, match=r"ask for [\d,]+ numbers, but its file holds 3"):
        decode(node, numbers=3)


def test_the_list_is_of_layers_that_are_there():
    assert NOTE in INNER
    assert not LAYERS.keys() & WHOLES.keys()
    for name, kind in {**LAYERS, **WHOLES}.items():
        assert issubclass(kind, nn.Module), name
