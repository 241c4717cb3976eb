"""espeak-ng by ctypes, in a process of its own.

It keeps its state in globals: it sets the locale of the whole process, and not even terminating it
makes it say a line again with the same samples. So all lines are spoken by one child process (this
file as a script), which initialises once, says everything, and terminates. The library is GPL-3.0
and is never mapped into the caller.
"""

import ctypes
import importlib
import importlib.util
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from unvoiced.errors import InputError

INSTALL = "pip install -e '.[demo]'"
RATE = 22_050  # Hz

# From espeak_ng.h and speak_lib.h, version 1.52.
_MODE_SYNCHRONOUS = 1  # the callback is given the audio before the call returns; no device
_SPEED, _PITCH = 1, 3
_POSITION_CHARACTER = 1
_UTF8, _END_PAUSE = 1, 0x1000
_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)


class Line(NamedTuple):
    """One thing to say, and how."""

    voice: str
    pitch: int
    speed: int
    text: str


def speak(lines: list[Line]) -> list[npt.NDArray[np.int16]]:
    """Each line as (samples,) int16 at `RATE`, spoken by a child process."""
    if importlib.util.find_spec("espeakng_loader") is None:
        raise InputError(f"the demo corpus needs espeak-ng, which is not installed: {INSTALL}")
    # -P keeps this folder off the child's import path, where its files would hide others' modules.
    child = subprocess.run(  # noqa: S603 - this file, by this interpreter, no shell
        [sys.executable, "-P", str(Path(__file__).resolve())],
        input=json.dumps(lines).encode(),
        capture_output=True,
        check=False,
    )
    if child.returncode:
        why = child.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise InputError(f"espeak-ng does not work here: {''.join(why) or child.returncode}")
    with np.load(io.BytesIO(child.stdout), allow_pickle=False) as spoken:
        return [spoken[f"arr_{index}"] for index in range(len(lines))]


def _checked(status: int) -> None:
    if status:
        raise RuntimeError(f"status {status:#x}")


def _say_all(lines: list[Line]) -> list[npt.NDArray[np.int16]]:
    loader = importlib.import_module("espeakng_loader")
    # Not `load_library()`: it prints the reason of a failure to standard output and returns None.
    espeak = ctypes.CDLL(loader.get_library_path())
    heard = bytearray()

    def on_audio(samples: int | None, count: int, _events: int | None) -> int:
        if samples and count:
            heard.extend(ctypes.string_at(samples, 2 * count))
        return 0

    # Held in a name: ctypes would free a callback that only espeak still knows.
    callback = _Callback(on_audio)
    # Given by a relative name, as a longer path is cut at 160 bytes without a word.
    os.chdir(Path(loader.get_data_path()).parent)
    espeak.espeak_ng_InitializePath(b".")
    # The older `espeak_Initialize` calls exit() when the data is missing, or goes on without it.
    _checked(espeak.espeak_ng_Initialize(None))
    _checked(espeak.espeak_ng_InitializeOutput(_MODE_SYNCHRONOUS, 0, None))
    if (rate := espeak.espeak_ng_GetSampleRate()) != RATE:
        raise RuntimeError(f"it speaks at {rate} Hz, not {RATE}")
    # Breath and flutter are drawn from a generator that is seeded by the clock.
    espeak.espeak_ng_SetRandSeed(ctypes.c_long(1))
    espeak.espeak_SetSynthCallback(callback)
    spoken = []
    for line in lines:
        _checked(espeak.espeak_ng_SetVoiceByName(line.voice.encode()))
        # After the voice, which brings its own.
        _checked(espeak.espeak_ng_SetParameter(_SPEED, line.speed, 0))
        _checked(espeak.espeak_ng_SetParameter(_PITCH, line.pitch, 0))
        heard.clear()
        text = ctypes.create_string_buffer(line.text.encode())
        _checked(
            espeak.espeak_ng_Synthesize(
                text,
                ctypes.c_size_t(len(text)),
                ctypes.c_uint(0),
                _POSITION_CHARACTER,
                ctypes.c_uint(0),
                ctypes.c_uint(_UTF8 | _END_PAUSE),
                None,
                None,
            )
        )
        spoken.append(np.frombuffer(bytes(heard), dtype=np.int16))
    _checked(espeak.espeak_ng_Terminate())
    return spoken


def _child() -> None:
    spoken = _say_all([Line(*line) for line in json.load(sys.stdin.buffer)])
    # Not straight to standard output: numpy seeks in what it writes, and a pipe cannot.
    archive = io.BytesIO()
    np.savez(archive, *spoken)
    sys.stdout.buffer.write(archive.getvalue())


if __name__ == "__main__":
    _child()
