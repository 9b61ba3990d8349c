"""Windows: what an autoregressive perceptron and the decoder of a VLAE see, and do not."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from pushforward.core.spaces import Pixels, Reals, Tokens
from pushforward.models.autoregressive.raster import receptive_field
from pushforward.models.autoregressive.window_mlp import WindowMLP
from pushforward.models.latent.vlae import vlae


def test_a_conditional_depends_on_the_window_alone():
    torch.manual_seed(0)
    space, window = Tokens(9, 5), 3
    model = WindowMLP(space, window, width=16).double()
    x = torch.randint(5, (1, 9))
    with torch.no_grad():
        base = model.conditionals(x)
        for place in range(9):
            other = x.clone()
            other[:, place] = (other[:, place] + 1) % 5
            moved = (model.conditionals(other) != base).any(2)[0].nonzero()[:, 0].tolist()
            assert moved == list(range(place + 1, min(place + 1 + window, 9)))


def test_one_perceptron_reads_every_window():
    """Row i is the perceptron of the i-th window, put together by hand."""
    torch.manual_seed(0)
    model = WindowMLP(Tokens(4, 3), window=2, width=8).double()
    x = torch.tensor([[2, 0, 1, 1]])
    with torch.no_grad():
        rows = model.conditionals(x)[0]
        for i in range(4):
            seen = np.zeros((4, 2))  # three values and being there, by places of the window
            for k, j in enumerate(range(i - 2, i)):
                if j >= 0:
                    seen[x[0, j], k] = seen[3, k] = 1
            expected = model.net(torch.from_numpy(seen).reshape(1, -1))
            torch.testing.assert_close(rows[i], expected[0])


def test_a_chain_of_markov_is_learned_to_its_entropy():
    """Order 1 in closed form; a window of one number reaches it."""
    stay, n, length = 0.9, 400, 12
    torch.manual_seed(0)
    flips = (torch.rand(n, length) > stay).long()
    flips[:, 0] = torch.randint(2, (n,))
    space = Tokens(length, 2)
    x = flips.cumsum(1) % 2
    model = WindowMLP(space, window=1, width=8)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)
    for _ in range(120):
        optimizer.zero_grad()
        (-model.log_prob(x).mean()).backward()
        optimizer.step()
    seen = (flips[:, 1:] == 0).double().mean().item()  # of this draw: its own maximum
    rate = -(seen * math.log(seen) + (1 - seen) * math.log(1 - seen))
    first = x[:, 0].double().mean().item()
    start = -(first * math.log(first) + (1 - first) * math.log(1 - first))
    assert abs(-model.log_prob(x).mean().item() - start - (length - 1) * rate) < 0.02


def test_windows_of_what_is_no_sequence_are_refused():
    with pytest.raises(ValueError, match="models Pixels or Tokens"):
        WindowMLP(Reals((3,)))
    with pytest.raises(ValueError, match="window"):
        WindowMLP(Tokens(3, 2), window=0)


def test_a_lossy_decoder_sees_two_rows_above():
    torch.manual_seed(0)
    model = vlae(Pixels(1, 9, 9, levels=2), latent=2, width=4, features=2, units=8)
    density = model.decoder.density
    for p in density.parameters():
        nn.init.normal_(p, std=0.5)
    seen = receptive_field(density, 6, 4)[0] > 0
    rows, columns = seen.nonzero().unbind(1)
    assert (rows.min(), rows.max()) == (4, 6)
    assert (columns.min(), columns.max()) == (2, 6)
