"""The option --since: from which day on something is shown."""

from datetime import date

from unvoiced.errors import InputError


def day_of(since: str, default: date) -> date:
    """The day that was given, or the default where none was. Raises `InputError`."""
    if not since:
        return default
    try:
        return date.fromisoformat(since)
    except ValueError:
        raise InputError(f"--since {since[:40]!r} is no day, as 2026-11-23") from None
