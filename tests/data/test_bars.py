import torch

from pushforward import data


def test_bars_are_rows_or_columns():
    x = data.bars().train.tensors[0]
    rows = (x == x[..., :1]).flatten(1).all(1)
    columns = (x == x[:, :, :1]).flatten(1).all(1)
    assert (rows | columns).all()
    assert abs(rows.float().mean() - columns.float().mean()) < 0.1
    assert len(torch.unique(x, dim=0)) == 2 * 2**4 - 2
