"""EM against scikit-learn's, and the importance-weighted estimate against pythae's get_nll.

python bench/latent.py      (needs the extra `peers`; a minute or two on two idle cores)

EM: an iteration on 60,000 x 50 numbers in float64, 10 components with full covariances, from one
start. The estimate: 500 samples for each of 64 images of 784 pixels, networks 784-500-500-40 of
equal weights, so that both estimate one number.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import torch
from harness import alternate, write

import pushforward as pf
from pushforward.models.latent.gmm import GMM
from pushforward.models.latent.vae import VAE
from pushforward.nn.mlp import MLP, FlatMLP
from pushforward.probability.decoders import Decoder
from pushforward.probability.posteriors import DiagonalGaussian, Encoder

POINTS, FEATURES, COMPONENTS = 60_000, 50, 10
IMAGES, SAMPLES, REPEATS = 64, 500, 5


def overlapping() -> np.ndarray:
    """Points of Gaussians that overlap, so that no responsibility is 0."""
    rng = np.random.RandomState(0)
    mix = rng.randn(COMPONENTS, FEATURES, FEATURES) / np.sqrt(FEATURES)
    which = rng.randint(COMPONENTS, size=POINTS)
    noise = rng.randn(POINTS, FEATURES)
    x = np.empty((POINTS, FEATURES))
    for k in range(COMPONENTS):
        x[which == k] = noise[which == k] @ mix[k] + rng.randn(FEATURES) / 2
    return x


def expectation_maximisation() -> dict:
    """Seconds for an iteration, and that both are on one path."""
    from sklearn.mixture import GaussianMixture

    x = overlapping()
    points = torch.from_numpy(x)
    torch.manual_seed(0)
    model = GMM(FEATURES, COMPONENTS).double()
    model.start(points)
    lower = model.covariance.colour(
        model.scale.detach(), torch.eye(FEATURES).double().expand(COMPONENTS, -1, -1)
    ).mT
    theirs = GaussianMixture(
        COMPONENTS,
        weights_init=model.logits.detach().softmax(0).numpy(),
        means_init=model.means.detach().numpy().copy(),
        precisions_init=np.linalg.inv((lower @ lower.mT).numpy()),
        max_iter=1,
        tol=0.0,
        warm_start=True,
    )
    warnings.simplefilter("ignore")  # one iteration does not converge
    theirs.fit(x)
    model.update(points)
    seen = alternate(lambda: model.update(points), lambda: iteration(theirs, x), REPEATS)
    gap = model.log_prob(points[:5000]).mean().item() - theirs.score(x[:5000])
    share = {"share_of_their_seconds": round(1 / seen["times_faster"], 3)}
    return {**seen, **share, "gap_after_them_in_nats": float(f"{gap:.2g}")}


def iteration(mixture, x: np.ndarray) -> None:
    """What scikit-learn does in an iteration of its fit."""
    log_norm, log_shares = mixture._e_step(x)
    mixture._m_step(x, log_shares)
    mixture._compute_lower_bound(log_shares, log_norm)


def importance_weighted() -> dict:
    """Seconds for 500 samples on each of 64 images, and both estimates."""
    space = pf.Pixels(1, 28, 28, levels=2)
    torch.manual_seed(0)
    head = DiagonalGaussian(40)
    network = FlatMLP(784, head.outputs, 500, 2)
    model = VAE(Encoder(network, space, head), Decoder(MLP(40, 784, 500, 2), space)).eval()
    x = pf.data.mnist(binarise="fixed").test.first(IMAGES).tensors[0]
    peer = pythae_of(model)

    @torch.no_grad()
    def ours() -> float:
        return model.importance_weighted(x, k=SAMPLES).mean().item()

    @torch.no_grad()
    def theirs(**batch: int) -> float:
        return float(peer.get_nll(x.float(), n_samples=SAMPLES, **batch))

    return {
        "as its users call it": alternate(ours, theirs, REPEATS),
        "all samples in a batch": alternate(ours, lambda: theirs(batch_size=SAMPLES), REPEATS),
        "our_nats": round(ours(), 2),
        "their_nats": round(theirs(), 2),
    }


def pythae_of(model: VAE):
    """pythae's VAE around the same layers."""
    from pythae.models import VAE as Peer
    from pythae.models import VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder

    inside, outside = model.encoder, model.decoder

    class PeerEncoder(BaseEncoder):
        def __init__(self):
            super().__init__()
            self.net = inside.network

        def forward(self, x):
            q = inside.head(self.net(2 * x - 1)).base_dist
            return ModelOutput(embedding=q.loc, log_covariance=2 * q.scale.log())

    class PeerDecoder(BaseDecoder):
        def __init__(self):
            super().__init__()
            self.net = outside.network

        def forward(self, z):
            return ModelOutput(reconstruction=self.net(z).sigmoid().view(-1, 1, 28, 28))

    config = VAEConfig(input_dim=(1, 28, 28), latent_dim=40, reconstruction_loss="bce")
    return Peer(config, PeerEncoder(), PeerDecoder()).eval()


def main() -> None:
    """Writes results/latent.json."""
    runs: dict[str, Callable[[], dict]] = {
        "EM: an iteration against scikit-learn's": expectation_maximisation,
        "estimate with 500 samples on 64 images against pythae's": importance_weighted,
    }
    record = {}
    for name, run in runs.items():
        record[name] = run()
        print(name, record[name], flush=True)
    write("latent", record, ("scikit-learn", "pythae"))


if __name__ == "__main__":
    main()
