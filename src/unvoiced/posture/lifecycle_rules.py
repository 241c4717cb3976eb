"""What a bucket's lifecycle rules do, and rules to put beside them.

A rule counts as covering a place when its filter takes in all of it, and as touching one when it
may take in some of it.
"""

from collections.abc import Iterable
from itertools import count
from typing import Any

from unvoiced.posture.facts import Held, LifecycleRule

_NAMES = {"ID", "Status", "Filter", "Prefix"}  # what is in a rule that does nothing


def enabled(rules: Iterable[LifecycleRule]) -> list[LifecycleRule]:
    """The rules that are in force."""
    return [rule for rule in rules if rule.get("Status") == "Enabled"]


def rule_covers(rule: LifecycleRule, held: Held) -> bool:
    """Whether a rule takes in all of a place."""
    prefix, narrow = _filter(rule)
    return not narrow and held.prefix.startswith(prefix)


def rule_touches(rule: LifecycleRule, held: Held) -> bool:
    """Whether a rule may take in some of a place."""
    prefix, _ = _filter(rule)
    return held.prefix.startswith(prefix) or prefix.startswith(held.prefix)


def _filter(rule: LifecycleRule) -> tuple[str, bool]:
    """A rule's prefix, and whether it looks at tags or sizes too."""
    where: dict[str, Any] = dict(rule.get("Filter") or {})
    where |= where.pop("And", None) or {}
    prefix = where.pop("Prefix", None) or rule.get("Prefix") or ""
    return str(prefix), bool(where)


def expires(rule: LifecycleRule) -> int | None:
    """After how many days a rule expires objects; 0 on a date, None where it never does."""
    expiration = rule.get("Expiration") or {}
    if "Date" in expiration:
        return 0
    days = expiration.get("Days")
    return int(days) if days is not None else None


def destroys_old_versions(rule: LifecycleRule) -> int | None:
    """After how many days a rule destroys every noncurrent version; None where it does not."""
    found = rule.get("NoncurrentVersionExpiration") or {}
    if found.get("NewerNoncurrentVersions"):
        return None  # some are kept, however old
    days = found.get("NoncurrentDays")
    return int(days) if days is not None else None


def aborts(rule: LifecycleRule) -> int | None:
    """After how many days a rule aborts incomplete uploads; None where it does not."""
    days = (rule.get("AbortIncompleteMultipartUpload") or {}).get("DaysAfterInitiation")
    return int(days) if days is not None else None


def new_rule(name: str, held: Held, **does: object) -> LifecycleRule:
    """A rule for all of a place."""
    return {
        "ID": f"unvoiced-{name}-{held.place.replace(' ', '-')}",
        "Status": "Enabled",
        "Filter": {"Prefix": held.prefix},
        **does,
    }


def with_rule(rules: list[LifecycleRule], rule: LifecycleRule) -> list[LifecycleRule]:
    """The rules and one more, by another name where its own is taken: S3 refuses two of a name."""
    taken = {one.get("ID") for one in rules}
    name = str(rule["ID"])
    if name in taken:
        name = next(other for n in count(2) if (other := f"{name}-{n}") not in taken)
    return [*rules, {**rule, "ID": name}]


def without_expiry(
    rules: list[LifecycleRule], unwanted: Iterable[LifecycleRule]
) -> list[LifecycleRule]:
    """The rules, of which some expire no objects any more; what else these do, they still do."""
    unwanted, kept = list(unwanted), []
    for rule in rules:
        if rule not in unwanted:
            kept.append(rule)
            continue
        rest = {name: value for name, value in rule.items() if name != "Expiration"}
        if rest.keys() - _NAMES:
            kept.append(rest)
    return kept
