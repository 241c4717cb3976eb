"""Who is new among those who read, and stricter limits for them. Pure.

Somebody is new until they were learned from on 14 days without an alert, or a person accepts them.
Logs are taken together here: who is known from one is not new in another. So are the sessions of
one role, whose names are chosen by who has it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property, reduce

from unvoiced.sections import WatchSettings
from unvoiced.watch.alert import Alert, Kind, Level
from unvoiced.watch.habits import Habits
from unvoiced.watch.limits import Usual
from unvoiced.watch.seen import Limit, Seen
from unvoiced.watch.track import Track
from unvoiced.watch.windows import WINDOW, Reading, start_of

HALF = 2  # of all that is known, in five minutes, is bulk, whatever the threshold
SMALL = 200  # reads in five minutes that are no bulk, however little there is
_SHARE = 10  # of the thresholds, and of all that is known: who is new gets a tenth
_FEW = 50  # objects that anybody may read
_NAMED = 10  # of those who are new on a day; of more, one alert says how many they are
_ROLE_SESSION = ":assumed-role/"


class Company:
    """All requesters, by the habits after `Habits.fold`."""

    def __init__(self, habits: Habits, settings: WatchSettings) -> None:
        """`settings`: for while nobody's habits are known."""
        self._habits = habits
        self._settings = settings
        self._tracks: dict[str, list[Track]] = {}
        for (_, requester), track in habits.tracks.items():
            self._tracks.setdefault(requester, []).append(track)
        self.first_seen = habits.first_seen()

    def is_new(self, requester: str) -> bool:
        """Whether limits for newcomers hold."""
        return not any(track.settled for track in self._tracks[requester])

    @cached_property
    def known(self) -> int:
        """About how many objects there are, as far as those who are not new read them; the
        threshold while there is nobody.
        """
        if all(self.is_new(requester) for requester in self._tracks):
            return self._settings.objects_per_window
        return self._habits.known().count

    def together(self, requester: str) -> tuple[str, int, int]:
        """The role of a newcomer's sessions (else the newcomer), how many requesters of it are new,
        and how many different objects they read in all.
        """
        role = role_of(requester)
        of_role = [each for each in self._tracks if role_of(each) == role and self.is_new(each)]
        sketches = [track.all_objects for each in of_role for track in self._tracks[each]]
        both = reduce(lambda one, other: one.union(other), sketches)
        return (requester if len(of_role) == 1 else role), len(of_role), both.count

    def usual(self, requester: str, prefix: str) -> list[Usual | None]:
        """What is usual for a requester in any log, of metrics whose names begin so."""
        return [
            track.usual(name)
            for track in self._tracks[requester]
            for name in track.history
            if name.startswith(prefix)
        ]


def of_window(
    seen: Seen,
    window: int,
    readings: Sequence[Reading],
    track: Track,
    company: Company,
    settings: WatchSettings,
) -> Iterator[Alert]:
    """A tenth of what anybody else may in five minutes; no habit takes its place."""
    reads, most = seen.reads(window), settings.objects_per_window
    if reads > most:
        setting = (most, "[watch] objects_per_window")
        yield seen.alert(Kind.VOLUME, Level.CRITICAL, "reads in five minutes", reads, setting)
    # The same objects again, as in training for several epochs, are no more of them. There were at
    # most as many as reads, and as different ones on the day.
    objects = min(reads, seen.day.objects.count)
    if objects > min(SMALL, most / _SHARE):
        half = max(SMALL, company.known / HALF)
        limit: Limit = min(
            (most / _SHARE, "a tenth of [watch] objects_per_window, for who is new"),
            (half, "half of all that anybody is known to have read"),
        )
        if objects > limit[0]:
            what = "objects in five minutes"
            yield seen.alert(Kind.VOLUME, Level.HIGH, what, objects, limit)
    share = settings.contributors_per_window / _SHARE
    contributors = seen.contributors(window, readings)
    if contributors > share:
        limit = (share, "a tenth of [watch] contributors_per_window, for who is new")
        what = "contributors in five minutes"
        yield seen.alert(Kind.CONTRIBUTORS, Level.HIGH, what, contributors, limit)


def of_all(seen: Seen, company: Company) -> Iterator[Alert]:
    """On all that the new sessions of a role ever read."""
    who, sessions, objects = company.together(seen.requester)
    limit = max(
        (_FEW, "as many anybody may"), (company.known / _SHARE, "a tenth of what others read")
    )
    if objects > limit[0]:
        what = "different objects in all, by somebody who is new"
        if sessions > 1:
            what = "different objects in all, by new sessions of one role"
        of_role = replace(seen, requester=who)
        yield of_role.alert(Kind.UNUSUAL, Level.HIGH, what, objects, limit)


def seen_first(requester: str, readings: Sequence[Reading], company: Company) -> Alert:
    """The word that there is somebody, or how many there are."""
    start = start_of(min(reading.window for reading in readings))
    end = start_of(max(reading.window for reading in readings)) + WINDOW
    reads = sum(reading.count for reading in readings)
    what = f"{reads:,} reads by somebody who was never seen before"
    numbers = {"reads": float(reads)}
    if len(company.first_seen) > _NAMED:
        requester, numbers = "", {"requesters": float(len(company.first_seen))}
        what = f"{len(company.first_seen):,} requesters who were never seen before"
    return Alert(Kind.STRANGER, Level.MEDIUM, requester, what, start, end, numbers)


def role_of(requester: str) -> str:
    """A session's role, as alerts about its new sessions name it; of others, themselves."""
    return "/".join(requester.split("/")[:2]) if _ROLE_SESSION in requester else requester
