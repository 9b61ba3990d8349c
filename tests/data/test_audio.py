import wave

import numpy as np
import pytest
import torch
from scipy import signal

from pushforward import data
from pushforward.data.audio import NOTES, VOWELS
from pushforward.data.waves import resampled


def test_mu_law_is_inverted_within_a_step():
    values = torch.arange(256)
    back = data.mu_law_inverse(values)
    assert torch.equal(data.mu_law(back), values)
    x = torch.linspace(-1, 1, 5001, dtype=torch.float64)
    # The known formula, and steps that widen with loudness: 1/2 step at most.
    f = np.sign(x.numpy()) * np.log(1 + 255 * np.abs(x.numpy())) / np.log(256)
    assert (data.mu_law(x).numpy() == np.floor((f + 1) / 2 * 255 + 0.5)).all()
    error = (data.mu_law_inverse(data.mu_law(x)) - x).abs()
    assert error[x.abs() < 0.01].max() < 3e-4
    assert error.max() < 0.025


@pytest.mark.parametrize("name", ["tones", "chirps", "vowels"])
def test_sounds_are_repeatable_and_within_range(name):
    made = data.find(f"{name}?n=20&length=256&labels=True")
    again = data.find(made.origin["spec"])
    x, y = made.train.tensors
    assert torch.equal(x, again.train.tensors[0])
    assert x.shape == (16, 256)
    assert y.dtype == torch.int64
    assert int(y.max()) < len(made.classes)
    loud = data.mu_law_inverse(x).abs().amax(1)
    assert 0.08 < loud.min() < loud.max() < 0.95


def strongest(x, rate):
    """The loudest frequency of each sound in Hz."""
    spectrum = np.abs(np.fft.rfft(data.mu_law_inverse(x).numpy() * np.hanning(x.shape[1])))
    return spectrum.argmax(1) * rate / x.shape[1]


def test_tones_have_the_pitch_of_their_note():
    x, y = data.tones(60, 4096, labels=True).train.tensors
    wanted = np.array(list(NOTES.values()))[y]
    assert np.abs(strongest(x, 8000) - wanted).max() < 4


def test_chirps_glide():
    x, y = data.chirps(40, 4096, labels=True).train.tensors
    start, end = strongest(x[:, :512], 8000), strongest(x[:, -512:], 8000)
    assert ((end > start) == (y.numpy() == 1)).all()


def test_vowels_are_loudest_near_their_formants():
    x, y = data.vowels(60, 8192, labels=True).train.tensors
    first = np.array([f[0] for f in VOWELS.values()])[y]
    assert np.median(np.abs(strongest(x, 8000) - first)) < 100


def written(path, x, rate, channels=1, width=2):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(x)


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_reads_every_width(tmp_path, width):
    x = np.array([0.0, 0.5, -0.5, 0.25, -1.0])
    if width == 1:
        raw = (x * 128 + 128).astype(np.uint8).tobytes()
    else:
        whole = (x * 2 ** (8 * width - 1)).astype("<i4").view(np.uint8).reshape(-1, 4)
        raw = whole[:, :width].tobytes()
    written(tmp_path / "a.wav", raw, 8000, 1, width)
    assert data.read_wav(tmp_path / "a.wav", 8000).tolist() == x.tolist()


def test_write_and_read(tmp_path):
    x = torch.sin(torch.arange(1000) / 7) * 0.9
    found = data.read_wav(data.write_wav(tmp_path / "a.wav", x, 8000), 8000)
    torch.testing.assert_close(found, x, rtol=0, atol=1e-4)
    with pytest.raises(ValueError, match=r"floats \(length,\), not \(3,\) torch.int64"):
        data.write_wav(tmp_path / "b.wav", torch.arange(3))


def test_stereo_is_mixed_and_another_rate_resampled_with_a_notice(tmp_path):
    t = np.arange(8000) / 8000
    left, right = np.sin(2 * np.pi * 440 * t), np.zeros(8000)
    x = (np.stack([left, right], 1) * 20000).astype("<i2")
    written(tmp_path / "a.wav", x.tobytes(), 8000, channels=2)
    with pytest.warns(UserWarning, match="mixed|resampled") as notices:
        found = data.read_wav(tmp_path / "a.wav", 16000).numpy()
    said = [str(w.message) for w in notices]
    assert said == [
        "a.wav: 2 channels were mixed to one",
        "a.wav: resampled from 8000 Hz to 16000 Hz",
    ]
    wanted = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000) * 20000 / 32768 / 2
    assert np.abs(found - wanted).max() < 1e-3


@pytest.mark.parametrize(("n", "wanted"), [(100, 60), (101, 60), (100, 61), (60, 100), (61, 90)])
def test_resampling_equals_scipy(n, wanted):
    x = np.random.RandomState(0).randn(n)
    np.testing.assert_allclose(resampled(x, n, wanted), signal.resample(x, wanted), atol=1e-12)


def test_a_folder_of_sounds(tmp_path):
    for name, size in (("b", 1000), ("a", 650)):
        data.write_wav(tmp_path / f"{name}.wav", torch.zeros(size) + (name == "b") * 0.5, 8000)
    made = data.wav(tmp_path, length=100, rate=8000)
    assert len(made.train) + len(made.validation) + len(made.test) == 16
    assert made.train.tensors[0][0].eq(128).all()
    assert made.train.tensors[0][6:].eq(int(data.mu_law(torch.tensor(0.5)))).all()
    assert len(data.find(f"wav:{tmp_path / 'b.wav'}?length=100&rate=8000").train) == 8


def test_what_cannot_be_read_is_named(tmp_path):
    (tmp_path / "noise.wav").write_bytes(b"RIFF nothing of the kind")
    with pytest.raises(ValueError, match=r"noise.wav is no WAV file: it begins with .*nothing"):
        data.wav(tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no sound file"):
        data.read_wav(tmp_path / "none.wav")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"holds no .wav file"):
        data.wav(tmp_path / "empty")
    data.write_wav(tmp_path / "noise.wav", torch.zeros(100), 16000)
    with pytest.raises(ValueError, match="gives 1 pieces of 64 samples"):
        data.wav(tmp_path, length=64)
