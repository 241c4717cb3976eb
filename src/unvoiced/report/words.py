"""Numbers and times as people read them. Pure."""

import math
from datetime import UTC, datetime

_UNITS = ((60, 1, "s"), (3600, 60, "min"), (2 * 86400, 3600, "h"), (90 * 86400, 86400, "days"))


def duration(seconds: float | None) -> str:
    """A time, with two digits that count: `4.2 min`, `31 h`, `12 days`."""
    if seconds is None:
        return "–"
    if math.isinf(seconds):
        return "longer"
    if seconds < 1:
        return "under 1 s"
    for limit, unit, name in _UNITS:
        if seconds < limit:
            return _number(seconds / unit, name)
    return _number(seconds / (30.4 * 86400), "months")


def known(seconds: float | None) -> str:
    """A time, or that it is not known."""
    return "not known" if seconds is None else duration(seconds)


def _number(value: float, unit: str) -> str:
    text = f"{value:.1f}" if value < 10 and unit != "s" else f"{value:.0f}"
    text = text.removesuffix(".0")
    return f"{text} {unit.removesuffix('s') if text == '1' and len(unit) > 2 else unit}"


def counted(count: int, what: str, several: str = "") -> str:
    """A number and what it counts: `1 recording`, `1,200 recordings`."""
    return f"{count:,} {what if count == 1 else several or what + 's'}"


def size(count: int) -> str:
    """Bytes: `1.2 GB`."""
    value, unit = float(count), "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} {unit}" if value >= 100 or unit == "bytes" else f"{value:.1f} {unit}"


def day(moment: datetime | None) -> str:
    """A day in UTC: `2026-11-23`."""
    return f"{moment.astimezone(UTC):%Y-%m-%d}" if moment else "–"


def minute(moment: datetime | float | None) -> str:
    """A moment in UTC: `2026-11-23 09:05`."""
    if moment is None:
        return "–"
    if isinstance(moment, float | int):
        moment = datetime.fromtimestamp(moment, UTC)
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"
