"""What of torch a blueprint may name: a closed list, so that no file chooses what is looked up.

`LAYERS` are built by their arguments, which they keep as attributes. `WHOLES` hold other modules,
or nothing but settings, and are built part by part. `NAMED` are functions, classes and types that
an argument or attribute may be.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.modules.linear import NonDynamicallyQuantizableLinear

_DIMENSIONED = """Conv ConvTranspose BatchNorm InstanceNorm MaxPool AvgPool LPPool MaxUnpool
AdaptiveAvgPool AdaptiveMaxPool FractionalMaxPool Dropout CircularPad ConstantPad ReflectionPad
ReplicationPad ZeroPad"""

_LAYERS = """Linear Bilinear Identity LayerNorm GroupNorm RMSNorm LocalResponseNorm Embedding
EmbeddingBag RNN LSTM GRU RNNCell LSTMCell GRUCell Dropout AlphaDropout FeatureAlphaDropout
Upsample UpsamplingNearest2d UpsamplingBilinear2d PixelShuffle PixelUnshuffle ChannelShuffle
Flatten Unflatten Fold Unfold ELU CELU SELU GELU GLU ReLU ReLU6 RReLU PReLU LeakyReLU SiLU Mish
Sigmoid LogSigmoid Tanh Tanhshrink Hardshrink Hardsigmoid Hardswish Hardtanh Softmax Softmax2d
LogSoftmax Softmin Softplus Softshrink Softsign Threshold"""

_WHOLES = """Module Sequential ModuleList ModuleDict ParameterList ParameterDict MultiheadAttention
Transformer TransformerEncoder TransformerDecoder TransformerEncoderLayer TransformerDecoderLayer
CosineSimilarity PairwiseDistance L1Loss MSELoss SmoothL1Loss HuberLoss BCELoss BCEWithLogitsLoss
CrossEntropyLoss NLLLoss KLDivLoss GaussianNLLLoss PoissonNLLLoss"""

_FUNCTIONAL = """relu relu_ relu6 elu celu selu gelu glu silu mish leaky_relu prelu rrelu sigmoid
logsigmoid tanh tanhshrink hardshrink hardsigmoid hardswish hardtanh softmax log_softmax softmin
softplus softshrink softsign threshold gumbel_softmax normalize dropout pad interpolate
pixel_shuffle pixel_unshuffle one_hot max_pool1d max_pool2d max_pool3d avg_pool1d avg_pool2d
avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d
adaptive_max_pool2d adaptive_max_pool3d mse_loss l1_loss smooth_l1_loss huber_loss
binary_cross_entropy binary_cross_entropy_with_logits cross_entropy nll_loss kl_div
gaussian_nll_loss cosine_similarity pairwise_distance"""

_FUNCTIONS = """abs exp expm1 log log1p sqrt rsqrt square sin cos tan asin acos atan arctan sinh
cosh tanh sigmoid relu selu celu softmax log_softmax erf sign clamp floor round sum mean amax amin
logsumexp cat stack"""

_TYPES = """bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64
complex128"""


def _of(home: object, names: str) -> dict[str, type[nn.Module]]:
    """Those of `names` that this version of torch has."""
    return {name: getattr(home, name) for name in names.split() if hasattr(home, name)}


_sizes = " ".join(f"{name}{d}d" for name in _DIMENSIONED.split() for d in (1, 2, 3))

LAYERS: dict[str, type[nn.Module]] = _of(nn, _LAYERS + " " + _sizes)

WHOLES: dict[str, type[nn.Module]] = {
    **_of(nn, _WHOLES),
    "NonDynamicallyQuantizableLinear": NonDynamicallyQuantizableLinear,  # of MultiheadAttention
}

TYPES: dict[str, torch.dtype] = {name: getattr(torch, name) for name in _TYPES.split()}

NAMED: dict[str, object] = {
    **{f"torch.nn.{name}": found for name, found in {**LAYERS, **WHOLES}.items()},
    **{f"torch.nn.functional.{k}": f for k, f in _of(nn.functional, _FUNCTIONAL).items()},
    **{f"torch.{k}": f for k, f in _of(torch, _FUNCTIONS).items()},
    **{f"torch.{name}": found for name, found in TYPES.items()},
}

NAMES: dict[object, str] = {found: name for name, found in reversed(NAMED.items())}
"""The first name of each: `torch.nn.functional.tanh` and `torch.tanh` are two functions."""
