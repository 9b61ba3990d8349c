"""Calibration against torchmetrics, detection against scikit-learn."""

import math

import pytest
import torch
from sklearn.metrics import accuracy_score, roc_auc_score
from torchmetrics.functional.classification import multiclass_calibration_error

from pushforward.metrics.calibration import accuracy, calibration_error, reliability
from pushforward.metrics.detection import auroc


def answers(n=500, classes=4, seed=0):
    torch.manual_seed(seed)
    logits = 2 * torch.randn(n, classes, dtype=torch.float64)
    return logits.log_softmax(1), torch.randint(classes, (n,))


@pytest.mark.parametrize("bins", [5, 15])
def test_calibration_error_against_torchmetrics(bins):
    log_p, y = answers()
    expected = multiclass_calibration_error(log_p.exp(), y, num_classes=4, n_bins=bins, norm="l1")
    assert calibration_error(log_p, y, bins).value == pytest.approx(expected.item(), abs=1e-6)


def test_accuracy_and_its_error():
    log_p, y = answers()
    measured = accuracy(log_p, y)
    share = accuracy_score(y, log_p.argmax(1))
    assert measured.value == pytest.approx(share)
    assert measured.stderr == pytest.approx(math.sqrt(share * (1 - share) / 500))


def test_labels_drawn_from_the_answers_are_calibrated():
    log_p, _ = answers(n=50_000)
    y = torch.multinomial(log_p.exp(), 1)[:, 0]
    assert calibration_error(log_p, y).value < 0.01
    # Answers twice as sure are not.
    assert calibration_error((2 * log_p).log_softmax(1), y).value > 0.05


def test_reliability_counts_every_answer_once():
    log_p = torch.tensor([[0.0, -math.inf], [0.5, 0.5], [0.8, 0.2]])
    log_p[1:] = log_p[1:].log()
    table = reliability(log_p, torch.tensor([0, 0, 1]), bins=2)
    assert table.counts.tolist() == [1, 2]
    assert table.confidence.tolist() == pytest.approx([0.5, 0.9])
    assert table.accuracy.tolist() == pytest.approx([1.0, 0.5])


def test_auroc_against_scikit_learn_with_ties():
    torch.manual_seed(0)
    inside, outside = torch.randn(80).round(decimals=1) + 0.5, torch.randn(120).round(decimals=1)
    truth = torch.cat([torch.ones(80), torch.zeros(120)])
    expected = roc_auc_score(truth, torch.cat([inside, outside]))
    assert auroc(inside, outside).value == pytest.approx(expected)


def test_auroc_error_is_the_spread_of_repeated_measurements():
    torch.manual_seed(0)
    runs = [auroc(torch.randn(60) + 0.7, torch.randn(90)) for _ in range(300)]
    spread = torch.tensor([run.value for run in runs]).std().item()
    claimed = sum(run.stderr for run in runs) / len(runs)
    assert claimed == pytest.approx(spread, rel=0.15)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: accuracy(torch.zeros(3, 2), torch.zeros(3).long()), "must sum to 1 in each row"),
        (lambda: accuracy(torch.zeros(3, 2), torch.zeros(2).long()), r"need labels \(n,\)"),
        (lambda: auroc(torch.zeros(1), torch.zeros(3)), "inside must be scores"),
        (lambda: auroc(torch.zeros(3), torch.tensor([0.0, math.nan])), "without NaN"),
    ],
)
def test_bad_inputs_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
