"""What a run of the watch shows of itself. No I/O; digests, ARNs and numbers alone.

The picture is an SVG of a few kilobytes: who read how much in the last day, hour by hour.
"""

from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from html import escape
from typing import Any

from unvoiced.watch.alert import Alert, Kind, Level, cut
from unvoiced.watch.event import Origin
from unvoiced.watch.habits import Habits
from unvoiced.watch.raised import Raised
from unvoiced.watch.standing import Standing
from unvoiced.watch.track import Track
from unvoiced.watch.windows import WINDOWS_PER_DAY, window_of

_BARS = 24  # of an hour each
_WINDOWS = WINDOWS_PER_DAY // _BARS
_SHADES = " ▁▂▃▄▅▆▇█"
_MOST_ROWS = 40
_LEVELS = list(Level)
STILL = "Raised today or yesterday, and not accepted"
_WIDTH, _ROW, _LABEL = 760, 26, 330
WHAT_TO_DO: Mapping[Kind, str] = {
    Kind.UNRECORDED: "somebody reads around the reader: take these credentials away, then ask who",
    Kind.TRAIL_DAMAGED: "run `unvoiced audit verify`; look who may write to the audit store",
    Kind.VOLUME: "ask the requester; if nobody knows of it, take the credentials away",
    Kind.CONTRIBUTORS: "ask the requester; if nobody knows of it, take the credentials away",
    Kind.UNUSUAL: "ask the requester what changed",
    Kind.DRIP: "ask the requester what it is for; look at the last weeks",
    Kind.ELSEWHERE: "ask the requester whether this is their machine",
    Kind.STRANGER: "look who this is and whether they are to read: `unvoiced review`",
    Kind.CLOCK: "set that machine's clock, or ask why its records are dated so",
    Kind.BLIND: "put the log or its settings right: until then nobody watches",
    Kind.MANY: "look at the first ones; the report of the run shows who read",
}


@dataclass(frozen=True)
class Row:
    """One requester, as one log shows it, in the last 24 hours."""

    requester: str
    role: str  # by [roles], "" where it is none of them
    origin: str
    reads: int
    peak: int  # reads in the busiest five minutes
    contributors: int  # about how many, on the busiest day; 0 where the log does not say
    hours: tuple[int, ...]  # reads in each, oldest first

    @property
    def line(self) -> str:
        """The hours in 24 characters."""
        most = max(self.hours, default=0)
        return "".join(
            _SHADES[-(-count * (len(_SHADES) - 1) // most)] if most else _SHADES[0]
            for count in self.hours
        )


@dataclass
class Report:
    """What one run found."""

    moment: datetime | None = None
    tied: int = 0  # records that were tied into the log
    recorded: int = 0  # reads in records that were looked at
    sources: dict[str, dict[str, int]] = field(default_factory=dict)
    alerts: tuple[Alert, ...] = ()
    new: int = 0  # of these, alerts that were not raised before
    # Raised today or yesterday, not accepted, and not seen again: loudest first.
    standing: tuple[Raised, ...] = ()
    rows: tuple[Row, ...] = ()

    @property
    def blind(self) -> tuple[Alert, ...]:
        """Where it could not look."""
        return tuple(alert for alert in self.alerts if alert.kind is Kind.BLIND)

    def take_source(self, origin: Origin, files: int, waiting: int, reads: int) -> None:
        """Count what was read of one of the provider's logs."""
        self.sources[str(origin)] = {"files": files, "too new": waiting, "reads": reads}

    def take_standing(self, kept: Iterable[Raised]) -> None:
        """Take, newest first, what was raised by this run and before; call with `alerts` taken."""
        known = {alert.identity for alert in self.alerts}
        standing = []
        for one in kept:
            if one.accepted is None and one.alert.identity not in known:
                known.add(one.alert.identity)
                standing.append(one)
        self.standing = tuple(sorted(standing, key=lambda one: _LEVELS.index(one.alert.level)))

    def take_habits(self, habits: Habits, standing: Standing, now: datetime) -> None:
        """Take the last day's reading, by requester."""
        self.moment = now
        rows = [
            _row(origin, requester, track, standing, now)
            for (origin, requester), track in habits.tracks.items()
            if origin is not Origin.ADDRESSES  # reads that the others show
        ]
        read = [row for row in rows if row.reads]
        self.rows = tuple(sorted(read, key=lambda row: (-row.reads, row.requester, row.origin)))

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "moment": self.moment.isoformat() if self.moment else None,
            "tied": self.tied,
            "recorded": self.recorded,
            "sources": self.sources,
            "new": self.new,
            "alerts": [alert_fields(alert) for alert in self.alerts],
            "standing": [
                {**alert_fields(one.alert), "raised": one.time.isoformat(), "told": one.told}
                for one in self.standing
            ],
            "requesters": [asdict(row) for row in self.rows],
        }

    def markdown(self) -> str:
        """For the Prefect UI, which shows pictures that are in the text."""
        lines = [
            f"{self.recorded:,} reads recorded since the last look, {self.tied:,} records tied."
        ]
        lines += [
            f"{name}: {counts['files']:,} new files, {counts['reads']:,} reads of features; "
            f"{counts['too new']:,} files too new to judge."
            for name, counts in self.sources.items()
        ]
        for title, alerts in self._alerts():
            lines += ["", f"{title}:", ""]
            lines += [
                "| alert | level | requester | when | what | numbers |",
                "|---|---|---|---|---|---|",
            ]
            lines += [
                f"| {one.kind} | {one.level} | `{_plain(one.who)}` | {one.when} "
                f"| {_plain(one.what)} | {_plain(_numbers(one.numbers))} |"
                for one in alerts[:_MOST_ROWS]
            ]
            if len(alerts) > _MOST_ROWS:
                lines.append(f"\nand {len(alerts) - _MOST_ROWS:,} more: `unvoiced watch ls`")
        lines += [
            "",
            "| requester | role | log | reads in a day | most in five minutes | contributors "
            "| hour by hour |",
            "|---|---|---|---:|---:|---:|---|",
        ]
        lines += [
            f"| `{_plain(row.requester)}` | {row.role} | {row.origin} | {row.reads:,} "
            f"| {row.peak:,} | {row.contributors:,} | `{row.line}` |"
            for row in self.rows[:_MOST_ROWS]
        ]
        if len(self.rows) > _MOST_ROWS:
            lines.append(f"\nand {len(self.rows) - _MOST_ROWS:,} requesters more")
        if self.rows:
            picture = b64encode(self.svg().encode()).decode()
            lines += ["", f"![reads in the last day](data:image/svg+xml;base64,{picture})"]
        return "\n".join(lines) + "\n"

    def svg(self) -> str:
        """The hours of each requester, as bars."""
        rows = self.rows[:_MOST_ROWS]
        height = _ROW * len(rows) + 24
        bar = (_WIDTH - _LABEL) / _BARS
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
            f'viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" font-size="11">',
            f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
        ]
        loud = {alert.requester for _, alerts in self._alerts() for alert in alerts}
        for number, row in enumerate(rows):
            bottom = _ROW * (number + 1)
            colour = "#c0392b" if row.requester in loud else "#34699a"
            label = escape(f"{row.requester[-40:]} ({row.reads:,})")
            parts.append(f'<text x="4" y="{bottom - 8}">{label}</text>')
            most = max(row.hours) or 1
            for hour, count in enumerate(row.hours):
                tall = (_ROW - 6) * count / most
                parts.append(
                    f'<rect x="{_LABEL + hour * bar:.1f}" y="{bottom - 4 - tall:.1f}" '
                    f'width="{bar - 2:.1f}" height="{tall:.1f}" fill="{colour}"/>'
                )
        ends = f"{self.moment:%Y-%m-%d %H:%M} UTC" if self.moment else ""
        parts.append(
            f'<text x="{_LABEL}" y="{height - 6}" fill="#777">24 hours until {ends}; each row to '
            "its own highest hour</text></svg>"
        )
        return "".join(parts)

    def html(self) -> str:
        """A page that needs nothing else."""
        tables = "".join(_table(title, alerts) for title, alerts in self._alerts())
        return (
            "<!doctype html><meta charset=utf-8><title>unvoiced watch</title>"
            "<style>body{font:14px sans-serif;margin:2em}td,th{padding:2px 8px;text-align:left}"
            "</style><h1>Who reads features</h1>" + (tables or "<p>No alerts.</p>") + self.svg()
        )

    def _alerts(self) -> list[tuple[str, tuple[Alert, ...]]]:
        """What there is of new alerts and of those that stand, with what they are."""
        standing = tuple(one.alert for one in self.standing)
        both = (("Since the last look", self.alerts), (STILL, standing))
        return [(title, alerts) for title, alerts in both if alerts]


def alert_fields(alert: Alert) -> dict[str, Any]:
    """An alert as it goes out: no object's name, and some kilobytes at most."""
    return {
        "identity": alert.identity,
        "kind": str(alert.kind),
        "level": str(alert.level),
        "requester": cut(alert.requester),
        "source": cut(alert.source),
        "what": cut(alert.what),
        "start": alert.start.isoformat(),
        "end": alert.end.isoformat(),
        "numbers": {name: float(number) for name, number in alert.numbers.items()},
        "to do": WHAT_TO_DO[alert.kind],
    }


def _table(title: str, alerts: Iterable[Alert]) -> str:
    rows = "".join(
        f"<tr><td>{escape(one.level)}</td><td>{escape(one.kind)}</td><td>{escape(one.who)}</td>"
        f"<td>{escape(one.when)}</td><td>{escape(cut(one.what))}</td>"
        f"<td>{escape(_numbers(one.numbers))}</td><td>{escape(WHAT_TO_DO[one.kind])}</td></tr>"
        for one in alerts
    )
    heads = "<th>level<th>alert<th>requester<th>when<th>what<th>numbers<th>to do"
    return f"<h2>{title}</h2><table><tr>{heads}</tr>{rows}</table>"


def _row(origin: Origin, requester: str, track: Track, standing: Standing, now: datetime) -> Row:
    last = window_of(now)
    hours, windows = [0] * _BARS, dict[int, int]()
    for day in track.days:
        for counts in day.counts.values():
            for window, count in counts.items():
                if last - WINDOWS_PER_DAY < window <= last:
                    windows[window] = windows.get(window, 0) + count
    for window, count in windows.items():
        hours[_BARS - 1 - (last - window) // _WINDOWS] += count
    recent = [day for day in track.days if any(day.holds(window) for window in windows)]
    role = standing.role(requester)
    return Row(
        requester=requester,
        role=str(role) if role else "",
        origin=str(origin),
        reads=sum(hours),
        peak=max(windows.values(), default=0),
        contributors=max((day.contributors.count for day in recent), default=0),
        hours=tuple(hours),
    )


def _numbers(numbers: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {number:,.0f}" for name, number in numbers.items())


def _plain(text: str) -> str:
    """A requester in a table of markdown: records name it, and they are anyone's to write."""
    return "".join(each for each in cut(text) if each.isprintable() and each not in "`|<>")
