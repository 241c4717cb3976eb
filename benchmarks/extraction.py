"""Extraction alone: samples in memory to feature arrays, against what people use for it.

    python -m benchmarks.extraction

One thread each, CPU time, interleaved rounds, medians; read the ratios to librosa. Beside each that
computes librosa's numbers stands how far from them it is, in decibels, on the same recording. What
has other numbers by design (Kaldi's filter banks: pre-emphasis, another window, natural logarithms)
is there for its speed alone, and is marked.

Everybody is given the same samples as it likes them best: ours as the int16 that a decoder gives
(and as float64 too), the others as float32, kaldi-native-fbank as a list, which it takes faster
than an array. Windows and filter banks are made once where the library lets one keep them; librosa
makes them anew at every call.
"""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import asrfront
import kaldi_native_fbank
import librosa
import numpy as np
import scipy.fft
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.corpus import RATE, source, voices
from benchmarks.results import save
from benchmarks.rounds import Way, measured
from benchmarks.torchaudio_cpu import import_torchaudio
from unvoiced.features import FeatureSet, extract_samples, load

torchaudio = import_torchaudio()
from lhotse.features.kaldi.extractors import Fbank, FbankConfig  # noqa: E402

ROUNDS = 15
# Seconds of a recording, and how many times it is extracted in a row: 10 ms or so of librosa's.
LENGTHS = {1: 20, 10: 5, 60: 1}
HOP, MELS, MFCCS, TOP_DB = 160, 80, 20, 80.0

Samples = NDArray[np.float32]
Extractor = Callable[[Samples], Any]


@dataclass(frozen=True)
class Framing:
    """How long a window is, and the transform over it."""

    n_fft: int
    window: int = 400

    @property
    def name(self) -> str:
        """As the tables call it."""
        return f"n_fft {self.n_fft}, window {self.window}"


@dataclass(frozen=True)
class Peer:
    """Somebody's extraction; `log_mel` where its numbers can be compared with librosa's."""

    extract: Extractor
    log_mel: Callable[[Any], NDArray[np.floating]] | None = None


FRAMINGS = (Framing(512), Framing(400))


def main() -> None:
    """Measure, print and save."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    results: dict[str, Any] = {"audio": source(), "framings": {}}
    for framing in FRAMINGS:
        by_length = results["framings"][framing.name] = {}
        for seconds, times in LENGTHS.items():
            (samples,) = voices(1, seconds)
            tables = by_length[f"{seconds} s"] = {}
            for what, peers in {
                "log-mel": log_mel_peers(framing, samples),
                "log-mel, 20 MFCCs, deltas": all_arrays_peers(framing, samples),
            }.items():
                title = f"{framing.name}, {seconds} s, {what}"
                tables[what] = compared(peers, samples, times, title)
                show(title, tables[what])
    save("extraction", results)


def compared(
    peers: Mapping[str, Peer], samples: Samples, times: int, title: str
) -> dict[str, dict[str, Any]]:
    """CPU seconds, the ratio to librosa, and the largest difference in dB, by peer."""

    def repeated(extract: Extractor) -> Callable[[], None]:
        def run() -> None:
            for _ in range(times):
                extract(samples)

        return run

    ways = {name: Way(repeated(peer.extract), times) for name, peer in peers.items()}
    taken = measured(ways, ROUNDS, title)
    truth = log_mel_of(peers["librosa"], samples)
    return {
        name: {
            "cpu": seconds,
            "ratio": taken["librosa"] / seconds,
            "difference": difference(log_mel_of(peers[name], samples), truth),
        }
        for name, seconds in taken.items()
    }


def log_mel_of(peer: Peer, samples: Samples) -> NDArray[np.floating] | None:
    """The log-mel part of what a peer makes, of shape (80, T); None where it is not librosa's."""
    return peer.log_mel(peer.extract(samples)) if peer.log_mel else None


def difference(
    array: NDArray[np.floating] | None, truth: NDArray[np.floating] | None
) -> float | None:
    """The largest difference in dB."""
    if array is None or truth is None:
        return None
    return float(np.abs(array.astype(np.float64) - truth).max())


def log_mel_peers(framing: Framing, samples: Samples) -> dict[str, Peer]:
    """Everybody who makes 80 log-mel bands."""
    peers = {
        "librosa": Peer(lambda y: librosa_log_mel(y, framing), np.asarray),
        **ours(framing, samples, ("log_mel",)),
        "scipy.fft, whole recording, float64": scipy_peer(framing, np.float64),
        "scipy.fft, whole recording, float32": scipy_peer(framing, np.float32),
        "torchaudio": torchaudio_peer(framing),
        "torchaudio, Kaldi's numbers": kaldi_of_torchaudio(framing),
        "Lhotse, Kaldi's numbers": lhotse_peer(framing),
        "kaldi-native-fbank, Kaldi's numbers": kaldi_native_peer(framing, samples),
    }
    if framing.n_fft == asrfront.whisper.N_FFT:
        peers["asrfront, Whisper's numbers"] = Peer(
            lambda y: asrfront.whisper.log_mel(y, MELS, pad_or_trim=False)
        )
    return peers


def all_arrays_peers(framing: Framing, samples: Samples) -> dict[str, Peer]:
    """Those who make cepstra and deltas too."""
    return {
        "librosa": Peer(lambda y: librosa_arrays(y, framing), first),
        "librosa, mfcc(y): the spectrogram twice": Peer(
            lambda y: librosa_arrays(y, framing, twice=True), first
        ),
        **ours(framing, samples, ("log_mel", "mfcc", "mfcc_delta", "mfcc_delta2")),
        "torchaudio (deltas of its own kind)": torchaudio_arrays_peer(framing),
    }


def first(arrays: Any) -> NDArray[np.floating]:
    """The first of several arrays."""
    return np.asarray(arrays[0])


def librosa_log_mel(y: Samples, framing: Framing) -> NDArray[np.floating]:
    """As the documentation of librosa has it."""
    power = librosa.feature.melspectrogram(
        y=y,
        sr=RATE,
        n_fft=framing.n_fft,
        win_length=framing.window,
        hop_length=HOP,
        n_mels=MELS,
    )
    return librosa.power_to_db(power, top_db=TOP_DB)


def librosa_arrays(
    y: Samples, framing: Framing, *, twice: bool = False
) -> tuple[NDArray[np.floating], ...]:
    """Log-mel, cepstra of it (or, as most write it, of the samples), and their derivatives."""
    log_mel = librosa_log_mel(y, framing)
    mfcc = librosa.feature.mfcc(S=librosa_log_mel(y, framing) if twice else log_mel, n_mfcc=MFCCS)
    return log_mel, mfcc, librosa.feature.delta(mfcc), librosa.feature.delta(mfcc, order=2)


def ours(framing: Framing, samples: Samples, arrays: tuple[str, ...]) -> dict[str, Peer]:
    """Ours, float64 inside; then as its arrays are stored by default; then the fast option."""
    exact = replace(
        load("speech-16k-float32"),
        name="benchmark",
        arrays=arrays,
        n_fft=framing.n_fft,
        win_length=framing.window,
        n_mfcc=MFCCS if len(arrays) > 1 else None,
    )
    short = np.round(samples * 32768).astype(np.int16)
    ways: dict[str, tuple[FeatureSet, NDArray[Any]]] = {
        "unvoiced": (exact, short),
        "unvoiced, from float64 samples": (exact, samples.astype(np.float64)),
        "unvoiced, arrays as float16 (the default)": (replace(exact, dtype="float16"), short),
        "unvoiced, float32 inside": (replace(exact, precision="float32"), short),
    }
    return {
        name: Peer(
            lambda _, chosen=chosen, taken=taken: extract_samples(taken, RATE, chosen),
            lambda made: made["log_mel"],
        )
        for name, (chosen, taken) in ways.items()
    }


def scipy_peer(framing: Framing, dtype: type[np.floating]) -> Peer:
    """What one writes by hand: all frames at once, window and basis kept."""
    n_fft, window = framing.n_fft, framing.window
    lead = (n_fft - window) // 2
    taper = np.pad(librosa.filters.get_window("hann", window), (lead, n_fft - window - lead))
    taper = taper.astype(dtype)
    basis = librosa.filters.mel(sr=RATE, n_fft=n_fft, n_mels=MELS).astype(dtype)

    def extract(y: Samples) -> NDArray[np.floating]:
        padded = np.pad(y.astype(dtype), n_fft // 2)
        spectrum = scipy.fft.rfft(sliding_window_view(padded, n_fft)[::HOP] * taper)
        power = spectrum.real**2 + spectrum.imag**2
        decibels = 10 * np.log10(np.maximum(basis @ power.T, 1e-10))
        return np.maximum(decibels, decibels.max() - TOP_DB)

    return Peer(extract, np.asarray)


def torchaudio_log_mel(framing: Framing) -> Any:
    """torchaudio, told to do as librosa does."""
    return torch.nn.Sequential(
        torchaudio.transforms.MelSpectrogram(
            RATE,
            n_fft=framing.n_fft,
            win_length=framing.window,
            hop_length=HOP,
            n_mels=MELS,
            norm="slaney",
            mel_scale="slaney",
            pad_mode="constant",
        ),
        torchaudio.transforms.AmplitudeToDB("power", top_db=TOP_DB),
    )


def torchaudio_peer(framing: Framing) -> Peer:
    """Its log-mel."""
    transform = torchaudio_log_mel(framing)

    @torch.inference_mode()
    def extract(y: Samples) -> Any:
        return transform(torch.from_numpy(y))

    return Peer(extract, np.asarray)


def torchaudio_arrays_peer(framing: Framing) -> Peer:
    """Its log-mel, its DCT over that, and its deltas, which differ from librosa's at the ends."""
    transform = torchaudio_log_mel(framing)
    dct = torchaudio.functional.create_dct(MFCCS, MELS, "ortho").T.contiguous()
    delta = torchaudio.transforms.ComputeDeltas(win_length=9)

    @torch.inference_mode()
    def extract(y: Samples) -> Any:
        log_mel = transform(torch.from_numpy(y))
        mfcc = dct @ log_mel
        slope = delta(mfcc)
        return log_mel, mfcc, slope, delta(slope)

    return Peer(extract, first)


def kaldi_of_torchaudio(framing: Framing) -> Peer:
    """`torchaudio.compliance.kaldi`, which makes windows and banks anew at every call."""
    fbank = torchaudio.compliance.kaldi.fbank
    padded = framing.n_fft != framing.window

    @torch.inference_mode()
    def extract(y: Samples) -> Any:
        samples = torch.from_numpy(y)[None]
        return fbank(samples, num_mel_bins=MELS, dither=0.0, round_to_power_of_two=padded)

    return Peer(extract)


def lhotse_peer(framing: Framing) -> Peer:
    """Lhotse's default extractor, in torch; windows and banks kept."""
    fbank = Fbank(FbankConfig(num_filters=MELS, round_to_power_of_two=framing.n_fft == 512))

    @torch.inference_mode()
    def extract(y: Samples) -> Any:
        return fbank.extract(y, RATE)

    return Peer(extract)


def kaldi_native_peer(framing: Framing, samples: Samples) -> Peer:
    """kaldi-native-fbank, C++; its frames gathered into one array."""
    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.samp_freq = RATE
    options.frame_opts.dither = 0.0
    options.frame_opts.round_to_power_of_two = framing.n_fft == 512
    options.mel_opts.num_bins = MELS
    as_list = samples.tolist()

    def extract(_: Samples) -> NDArray[np.floating]:
        fbank = kaldi_native_fbank.OnlineFbank(options)
        fbank.accept_waveform(RATE, as_list)
        fbank.input_finished()
        return np.stack([fbank.get_frame(i) for i in range(fbank.num_frames_ready)])

    return Peer(extract)


def show(title: str, results: Mapping[str, Mapping[str, Any]]) -> None:
    """Print times, ratios and differences."""
    table = Table("", title=title)
    for column in ("CPU us", "x librosa", "largest difference, dB"):
        table.add_column(column, justify="right")
    for name, one in results.items():
        apart = "" if one["difference"] is None else f"{one['difference']:.1e}"
        table.add_row(name, f"{one['cpu'] * 1e6:,.0f}", f"{one['ratio']:.2f}", apart)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
