"""A caller who switched gradients off trains all the same; weights that cannot learn are told."""

import pytest
import torch

import pushforward as pf


def trained():
    torch.manual_seed(0)
    model = pf.MAF(2, couplings=2, width=8)
    recipe = pf.Recipe(4, 16, ema=0.9, report_every=2)
    return model, pf.data.moons(n=200), recipe


@pytest.mark.parametrize("off", [torch.no_grad, torch.inference_mode])
def test_training_within(off, tmp_path):
    wanted = [report.loss for report in pf.Training(*trained())]
    parts = trained()
    with off():
        training = pf.Training(*parts)
        assert [report.loss for report in training] == wanted
        training.save(tmp_path / "a.safetensors")
        again = pf.Training(*parts).resume(tmp_path / "a.safetensors")
        assert not torch.is_grad_enabled()
    assert again.step == 4
    assert all(p.requires_grad for p in again.model.parameters())


def test_weights_that_never_learn():
    with torch.inference_mode():
        model, data, recipe = trained()
        with pytest.raises(ValueError, match=r"within torch\.inference_mode"):
            pf.Training(model, data, recipe)
