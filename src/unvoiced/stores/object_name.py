"""The names an object may bear, checked before a store is asked anything.

Pure: a name that passes can leave no folder, hide from no listing and needs no escaping anywhere.
"""

import re

from unvoiced.errors import InputError

MAX_LENGTH = 900
_SEGMENT = "[A-Za-z0-9_-][A-Za-z0-9._-]*"
_NAME = re.compile(f"{_SEGMENT}(?:/{_SEGMENT})*")
_PREFIX = re.compile(f"(?:{_SEGMENT}/)*(?:{_SEGMENT})?")
_RULE = (
    'segments of letters, digits, ".", "_" and "-" joined by "/", none starting with a dot, '
    f"{MAX_LENGTH} characters at most"
)


def object_name(value: str) -> str:
    """Return the name as it is; raise `InputError` where it is none."""
    return _checked("an object name", _NAME, value)


def is_object_name(value: str) -> bool:
    """Whether a store can be asked about this name; a listing may show others."""
    return len(value) <= MAX_LENGTH and _NAME.fullmatch(value) is not None


def name_prefix(value: str) -> str:
    """Return the prefix as it is, or raise `InputError` where no name can start with it."""
    return _checked("a prefix of object names", _PREFIX, value)


def folder_prefix(value: str) -> str:
    """Return what is "" or ends in "/" as it is; raise `InputError` for what is no such prefix."""
    if value and not value.endswith("/"):
        raise InputError(f"{value!r} does not end in a slash, so it is no folder")
    return name_prefix(value)


def _checked(kind: str, pattern: re.Pattern[str], value: str) -> str:
    if len(value) > MAX_LENGTH or not pattern.fullmatch(value):
        shown = value if len(value) <= 40 else value[:37] + "..."
        raise InputError(f"{shown!r} is not {kind}: {_RULE}")
    return value
