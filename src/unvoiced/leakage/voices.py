"""Speech to measure on: whose recordings there are, and who is attacked with which of them.

- A speaker is either attacked or one that attackers learn from, never both.
- What a speaker is known by and what they are tried with are different recordings; where there is
  only one, different parts of it, cut before extraction, so that nothing of one is in the other's
  features. `Cast.cut` counts those: one microphone and one room make them easier to recognise.
- The same folder, options and seed give the same cast.
- Names of folders and files are read, and are in nothing that is returned but `path`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unvoiced.errors import InputError, UndecodableError
from unvoiced.features.decode import open_recording

ENROLMENT = 3  # times a trial, in seconds
MOST_TRIALS = 4  # of a speaker
FEWEST = 10  # speakers attacked, and as many to learn from
SHORTEST = 0.3  # seconds of a recording, below which it is left out
_LARGEST_FILE = 1 << 29
_LONGEST_TRIAL = 4.0  # seconds, where nobody says otherwise
# Of each speaker that is learned from; bounds the memory.
_MOST_PIECES, _LEARNED_SECONDS = 8, 60.0


@dataclass(frozen=True, slots=True)
class Part:
    """A recording, or the seconds of it from `start` to `stop`."""

    path: Path = field(repr=False)
    start: float
    stop: float

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.stop - self.start


Piece = tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Tested:
    """What a speaker is known by, and what they are tried with."""

    enrolment: Piece
    trials: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Cast:
    """Who is attacked, with what, and what attackers learn from.

    `tested` are the speakers attacked; of each speaker in `learned_from` the pieces.
    `trial_seconds` is the length of a trial. `recordings` counts what is used, `cut` those attacked
    with parts of a recording that they are known by.
    """

    tested: tuple[Tested, ...]
    learned_from: tuple[tuple[Piece, ...], ...]
    trial_seconds: float
    recordings: int
    cut: int


def cast(
    speech: Path,
    *,
    tested: int,
    learned_from: int,
    only: str,
    seconds: float | None,
    seed: int,
    tell: Callable[[int, int], None] = lambda done, of: None,
) -> Cast:
    """Choose speakers from a folder that has one folder a speaker.

    At most `tested` of those whose folders' names match `only` are attacked, and at most half of
    all; of the others, at most `learned_from` are learned from. `seconds` is the length of a trial,
    enrolment is three times that; without it, a quarter of what two thirds of those looked at have,
    4 s at most. Raises InputError where that leaves too few.
    """
    if not speech.is_dir():
        raise InputError(f"{speech} is not a folder with one folder a speaker")
    folders = sorted(entry for entry in speech.iterdir() if entry.is_dir())
    rng = np.random.default_rng(seed)
    order = [int(index) for index in rng.permutation(len(folders))]
    eligible = [index for index in order if fnmatchcase(folders[index].name, only)]
    # Half as many again, as some will have too little; who is not attacked is learned from.
    looked_at = eligible[: tested + tested // 2]
    others = [index for index in order if index not in looked_at][:learned_from]
    wanted = (ENROLMENT + MOST_TRIALS) * (seconds or _LONGEST_TRIAL)
    read = {}
    for done, index in enumerate([*looked_at, *others]):
        tell(done, len(looked_at) + len(others))
        read[index] = _recordings(folders[index], wanted, np.random.default_rng([seed, index]))
    length = seconds or _fitting([read[index] for index in looked_at])
    enough = [index for index in looked_at if _seconds(read[index]) >= (ENROLMENT + 1) * length]
    attacked = enough[: min(tested, len(folders) // 2)]
    rest = [index for index in read if index not in attacked]
    learnable = [index for index in rest if _seconds(read[index]) >= 2 * length][:learned_from]
    if min(len(attacked), len(learnable)) < FEWEST:
        raise InputError(
            f"{len(attacked)} speakers to attack and {len(learnable)} others to learn from, with "
            f"{(ENROLMENT + 1) * length:.1f} s of speech each, are too few to tell anything: "
            f"at least {FEWEST} of each are needed"
        )
    roles = [_roles(read[index], length) for index in attacked]
    most = max(2, min(_MOST_PIECES, int(_LEARNED_SECONDS / length)))
    pieces = tuple(tuple(islice(_pieces(read[index], length), most)) for index in learnable)
    used = {part.path for one in roles for piece in (one.enrolment, *one.trials) for part in piece}
    used |= {part.path for speaker in pieces for piece in speaker for part in piece}
    return Cast(
        tuple(roles),
        pieces,
        length,
        len(used),
        sum(_is_cut(one) for one in roles),
    )


def samples(part: Part, downmix: str) -> tuple[NDArray[np.int16] | NDArray[np.float64], int]:
    """The mono samples of a part, of shape (n,), and their rate."""
    recording = open_recording(part.path.read_bytes(), downmix=downmix)
    whole = np.concatenate([np.array(block) for block in recording.blocks])
    rate = recording.sample_rate
    return whole[round(part.start * rate) : round(part.stop * rate)], rate


def _recordings(folder: Path, wanted: float, rng: np.random.Generator) -> tuple[Part, ...]:
    """Recordings of a speaker, in an order of chance, until there is as much as is wanted.

    What no decoder knows is no recording.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    found: list[Part] = []
    for index in rng.permutation(len(files)):
        path = files[index]
        try:
            if path.stat().st_size > _LARGEST_FILE:
                continue
            recording = open_recording(path.read_bytes())
            length = sum(len(block) for block in recording.blocks) / recording.sample_rate
        except UndecodableError:
            continue
        except OSError:
            raise InputError("a recording cannot be read") from None
        if length >= SHORTEST:
            found.append(Part(path, 0.0, length))
        # As much again, as what enrolment leaves of its last recording is not used for trials.
        if len(found) > 1 and _seconds(found) >= wanted + max(one.seconds for one in found):
            break
    return tuple(found)


def _seconds(parts: tuple[Part, ...] | list[Part]) -> float:
    return sum(part.seconds for part in parts)


def _fitting(speakers: list[tuple[Part, ...]]) -> float:
    """A length of trials for which two thirds have enough, in tenths of a second."""
    if not speakers:
        return _LONGEST_TRIAL
    third = float(np.percentile([_seconds(one) for one in speakers], 100 / 3))
    return max(0.5, min(_LONGEST_TRIAL, int(10 * third / (ENROLMENT + 1)) / 10))


def _roles(recordings: tuple[Part, ...], length: float) -> Tested:
    """Whole recordings for enrolment, others for trials, as far as there are others."""
    needed, taken = ENROLMENT * length, 0
    while taken < len(recordings) and _seconds(recordings[:taken]) < needed:
        taken += 1
    rest = recordings[taken:]
    if _seconds(rest) < length:
        # All of it, cut once.
        enrolment, rest = _cut(recordings, needed)
    else:
        enrolment, _ = _cut(recordings[:taken], needed)
    return Tested(enrolment, tuple(_pieces(rest, length))[:MOST_TRIALS])


def _is_cut(one: Tested) -> bool:
    known = {part.path for part in one.enrolment}
    return any(part.path in known for piece in one.trials for part in piece)


def _pieces(recordings: tuple[Part, ...], length: float) -> Iterator[Piece]:
    """As many pieces of this length as there are."""
    rest, left = recordings, _seconds(recordings)
    while left >= length - 1e-6:
        piece, rest = _cut(rest, length)
        left = _seconds(rest)
        yield piece


def _cut(parts: tuple[Part, ...], seconds: float) -> tuple[Piece, tuple[Part, ...]]:
    """The first so many seconds, and what is left."""
    first: list[Part] = []
    for index, part in enumerate(parts):
        missing = seconds - _seconds(first)
        if part.seconds > missing + SHORTEST:
            middle = part.start + missing
            if missing >= SHORTEST:
                first.append(Part(part.path, part.start, middle))
                return tuple(first), (Part(part.path, middle, part.stop), *parts[index + 1 :])
            return tuple(first), parts[index:]
        first.append(part)
        if _seconds(first) >= seconds:
            return tuple(first), parts[index + 1 :]
    return tuple(first), ()
