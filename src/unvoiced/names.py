"""The names things may bear, checked once, at the edge.

Ids become parts of object names, policies and headers. Anything outside these alphabets is refused
with `InputError`, so that no id can leave its prefix, widen a policy or break a line.
"""

import re
from dataclasses import dataclass

from unvoiced.errors import InputError

_CONTRIBUTOR = re.compile(r"[A-Za-z0-9_-]{1,128}")
_PSEUDONYM = re.compile(r"[a-z2-7]{26}")
_SAMPLE = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_FEATURE_SET = re.compile(r"[a-z0-9][a-z0-9-]{0,47}")
_SEALED_NAME = re.compile(rf"({_PSEUDONYM.pattern})/({_SAMPLE.pattern})\.unv")

SUFFIX = ".unv"
FEATURES = "features/"
_FEATURE_OBJECT = re.compile(
    rf"{FEATURES}(?P<feature_set>[a-z0-9-]+-[0-9a-f]{{8}})"
    rf"/(?P<pseudonym>{_PSEUDONYM.pattern})/(?P<sample>[a-z0-9-]+){re.escape(SUFFIX)}"
)


def _checked(kind: str, pattern: re.Pattern[str], rule: str, value: str) -> str:
    if not pattern.fullmatch(value):
        shown = value if len(value) <= 40 else value[:37] + "..."
        raise InputError(f"{shown!r} is not a {kind}: {rule}")
    return value


def contributor_id(value: str) -> str:
    """The id under which whoever invites knows a contributor."""
    return _checked(
        "contributor id", _CONTRIBUTOR, "1 to 128 letters, digits, hyphens or underscores", value
    )


def pseudonym(value: str) -> str:
    """A contributor's pseudonym: 26 characters of lower-case base32 (`keys.pseudonym`)."""
    return _checked("pseudonym", _PSEUDONYM, "26 characters a-z and 2-7", value)


def sample_id(value: str) -> str:
    """A sample's id."""
    return _checked(
        "sample id",
        _SAMPLE,
        "1 to 64 lower-case letters, digits or hyphens, no hyphen first",
        value,
    )


def feature_set_name(value: str) -> str:
    """A feature set's name, without its digest."""
    return _checked(
        "feature set name",
        _FEATURE_SET,
        "1 to 48 lower-case letters, digits or hyphens, no hyphen first",
        value,
    )


def sealed_name(pseudonym_: str, sample: str) -> str:
    """Where a sample's sealed recording stands in the raw store and the archive."""
    return f"{pseudonym(pseudonym_)}/{sample_id(sample)}{SUFFIX}"


def parse_sealed_name(name: str) -> tuple[str, str] | None:
    """The (pseudonym, sample) that an object name says, or None where it is no such name."""
    match = _SEALED_NAME.fullmatch(name)
    return (match[1], match[2]) if match else None


@dataclass(frozen=True, slots=True)
class FeatureName:
    """What the name of a feature object says."""

    name: str
    feature_set: str  # directory: name and first 8 digits of the digest
    pseudonym: str
    sample: str

    @property
    def digest8(self) -> str:
        """The first 8 digits of the feature set's digest."""
        return self.feature_set[-8:]

    @property
    def set_name(self) -> str:
        """The feature set's name, whatever its digest."""
        return self.feature_set[:-9]


def parse_feature_name(name: str) -> FeatureName | None:
    """What a name in the training store says, or None where it is no feature object's."""
    match = _FEATURE_OBJECT.fullmatch(name)
    if match is None:
        return None
    return FeatureName(name, match["feature_set"], match["pseudonym"], match["sample"])
