"""What of a recording's way no code of ours takes away: each primitive once, by itself.

    python -m benchmarks.floor

A 10 s WAV of 16 kHz: opened and sealed by HPKE, its features extracted, three digests, its bytes
read, the features written and flushed with their folder, the recording unlinked. No log, journal,
observation or Python between. Thread CPU, medians.
"""

import hashlib
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import results
from benchmarks.corpus import FORMATS, encoded, voices
from unvoiced.features import extract, load, make_ready, pack
from unvoiced.sealing import PrivateKey, open_sealed, seal

ROUNDS = 200


def main() -> None:
    """Measure, print, save."""
    feature_set, key, context = load(), PrivateKey.generate(), {"purpose": "raw"}
    make_ready([feature_set])
    wav = encoded(voices(1, 10.0)[0], FORMATS[0])
    sealed = seal(wav, key.public, context)
    arrays = extract(wav, feature_set).arrays
    features = seal(pack(arrays), key.public, context)
    with tempfile.TemporaryDirectory() as folder:
        recording, written = Path(folder, "recording"), Path(folder, "features")

        def opened() -> None:
            with open_sealed(sealed, key, context):
                pass

        def put() -> None:
            for path in (written, Path(folder)):
                file = os.open(path, os.O_RDONLY if path.is_dir() else os.O_WRONLY | os.O_CREAT)
                if path == written:
                    os.write(file, features)
                os.fsync(file)
                os.close(file)

        steps: dict[str, Callable[[], object]] = {
            "read the recording": recording.read_bytes,
            "digest it": lambda: hashlib.sha256(sealed).digest(),
            "open it (HPKE)": opened,
            "extract": lambda: extract(wav, feature_set),
            "pack": lambda: pack(arrays),
            "seal the features (HPKE)": lambda: seal(pack(arrays), key.public, context),
            "digest them": lambda: hashlib.sha256(features).digest(),
            "write and flush them": put,
            "read them back": written.read_bytes,
            "digest what came back": lambda: hashlib.sha256(features).digest(),
            "unlink the recording": recording.unlink,
        }
        measured: dict[str, list[float]] = {name: [] for name in steps}
        for _ in range(ROUNDS):
            recording.write_bytes(sealed)
            for name, step in steps.items():
                started = time.thread_time()
                step()
                measured[name].append((time.thread_time() - started) * 1e6)
            written.unlink()
    medians = {name: statistics.median(times) for name, times in measured.items()}
    medians["seal the features (HPKE)"] -= medians["pack"]
    for name, median in medians.items():
        print(f"{name:26}{median:7.0f} us")
    print(f"{'together':26}{sum(medians.values()):7.0f} us")
    results.save("floor", medians)


if __name__ == "__main__":
    main()
