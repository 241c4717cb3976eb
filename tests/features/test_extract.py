"""What is known of a recording beside its features."""

from dataclasses import replace

import numpy as np
import pytest
from recordings import browser_encoded, encoded, noise

from unvoiced.errors import InputError
from unvoiced.features import extract, extract_samples, load


@pytest.mark.parametrize(
    ("rate", "channels", "kind", "subtype"),
    [(48_000, 2, "WAV", "PCM_24"), (8_000, 1, "FLAC", "PCM_16"), (44_100, 1, "OGG", "VORBIS")],
)
def test_the_source_is_described(rate: int, channels: int, kind: str, subtype: str) -> None:
    """Duration, rate, channels and format are the recording's own, not the feature set's."""
    y = np.stack([noise(rate * 2)] * channels, axis=1)
    extracted = extract(encoded(y, rate, kind, subtype), load())
    assert extracted.duration_seconds == 2.0
    assert extracted.source_sample_rate == rate
    assert extracted.source_channels == channels
    assert extracted.source_format == f"{kind}/{subtype}"
    assert extracted.arrays["log_mel"].shape == (80, 201)
    assert extracted.arrays["mfcc"].shape == (20, 201)


def test_file_and_samples_agree() -> None:
    """Decoding changes no number: a WAV gives the features of the samples in it."""
    y = np.round(noise(100_000) * 32768) / 32768
    from_file = extract(encoded(y, 22_050), load()).arrays
    from_samples = extract_samples(y, 22_050, load())
    assert all((from_file[name] == from_samples[name]).all() for name in from_samples)


def test_downmix_is_the_feature_sets() -> None:
    """A set that takes the first channel gives the features of that channel."""
    y = np.stack((noise(16_000, 1), noise(16_000, 2)), axis=1)
    first = replace(load("speech-16k-float32"), downmix="first")
    made = extract(encoded(y), first).arrays["log_mel"]
    expected = extract(encoded(y[:, 0]), first).arrays["log_mel"]
    assert (made == expected).all()


def test_extraction_repeats_itself() -> None:
    """The same recording gives the same bytes, so a second run stores what the first did."""
    plaintext = browser_encoded("webm", "libopus")
    once, again = (extract(plaintext, load()).arrays for _ in range(2))
    assert all(once[name].tobytes() == again[name].tobytes() for name in once)


def test_repr_shows_no_feature() -> None:
    """Nothing of an array is printed with the record that holds it (INV-11)."""
    assert "array" not in repr(extract(encoded(noise(16_000)), load()))


def test_samples_of_other_kinds() -> None:
    """Any float, whatever its strides, gives what float64 gives; integers but int16 are refused."""
    feature_set = load("speech-16k")
    y = noise(16_000).astype(np.float32)
    expected = extract_samples(y.astype(np.float64), 16_000, feature_set)
    for given in (y, np.repeat(y, 2)[::2], y.astype(">f8")):
        made = extract_samples(given, 16_000, feature_set)
        assert all((made[name] == expected[name]).all() for name in expected)
    quantised = (y * 1000).astype(np.int16)
    expected = extract_samples(quantised / 32768, 16_000, feature_set)
    made = extract_samples(quantised.repeat(2)[::2], 16_000, feature_set)
    assert all((made[name] == expected[name]).all() for name in expected)
    for wrong in (quantised.astype(np.int32), quantised.astype(">i2"), y[:, None]):
        with pytest.raises(InputError):
            extract_samples(wrong, 16_000, feature_set)
