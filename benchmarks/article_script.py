"""The script that people write after reading that recordings should be encrypted.

Fernet for the token that comes and the token that goes, librosa for everything in between, no log,
no proof, no read-back: get, decrypt, extract, encrypt, put, delete. It is given every advantage
that leaves its lines as they are: one object for all arrays (so one encryption and one put), a
client that stays open, no key fetched anew. `librosa.feature.mfcc` takes the spectrogram a second
time, as it does in most scripts there are.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import librosa
import numpy as np
from cryptography.fernet import Fernet

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

RATE = 16000


@dataclass(frozen=True)
class Place:
    """Where tokens are sent to and read from, features put, and tokens deleted; by name."""

    send: Callable[[str, bytes], object]
    read: Callable[[str], bytes]
    put: Callable[[str, bytes], object]
    delete: Callable[[str], object]


def on_disk(folder: Path) -> Place:
    """Two folders of files. Nothing is flushed to the disk."""
    (folder / "raw").mkdir(parents=True)
    (folder / "features").mkdir()
    return Place(
        lambda name, token: (folder / "raw" / name).write_bytes(token),
        lambda name: (folder / "raw" / name).read_bytes(),
        lambda name, data: (folder / "features" / name).write_bytes(data),
        lambda name: (folder / "raw" / name).unlink(),
    )


def in_a_bucket(client: "S3Client", bucket: str) -> Place:
    """One bucket through boto3."""
    return Place(
        lambda name, token: client.put_object(Bucket=bucket, Key=f"raw/{name}", Body=token),
        lambda name: client.get_object(Bucket=bucket, Key=f"raw/{name}")["Body"].read(),
        lambda name, data: client.put_object(Bucket=bucket, Key=f"features/{name}", Body=data),
        lambda name: client.delete_object(Bucket=bucket, Key=f"raw/{name}"),
    )


def process(name: str, place: Place, fernet: Fernet) -> None:
    """One recording, from its token to its features' token."""
    recording = fernet.decrypt(place.read(name))
    y, rate = librosa.load(io.BytesIO(recording), sr=RATE)
    spectrogram = librosa.feature.melspectrogram(
        y=y, sr=rate, n_fft=512, win_length=400, hop_length=160, n_mels=80
    )
    log_mel = librosa.power_to_db(spectrogram)
    mfcc = librosa.feature.mfcc(
        y=y, sr=rate, n_mfcc=20, n_fft=512, win_length=400, hop_length=160, n_mels=80
    )
    file = io.BytesIO()
    np.save(file, np.vstack([log_mel, mfcc]))
    place.put(name, fernet.encrypt(file.getvalue()))
    place.delete(name)
