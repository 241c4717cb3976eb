"""What the role table comes to in this account: the statements that each role may have."""

from collections.abc import Iterable
from dataclasses import replace

from unvoiced.access.policies import Estate, partition_of, role_policy
from unvoiced.access.roles import TABLE, Can, Place, Role
from unvoiced.posture.facts import Facts, Unknown
from unvoiced.posture.finding import Seen
from unvoiced.posture.statements import Document, Policy, Statement

_USES_A_KEY = frozenset({Can.WRAP, Can.UNWRAP, Can.SIGN})


def estate(seen: Seen) -> Estate:
    """What places are called here, by the settings, and by what buckets say of their keys."""
    facts, settings = seen.facts, seen.settings
    held = [(bucket, one) for bucket in facts.buckets for one in bucket.held]
    return Estate(
        buckets={one.place: f"{bucket.name}/{one.prefix}".rstrip("/") for bucket, one in held},
        keys={Place(f"{name} key"): arn for name, arn in settings.kms.items()},
        store_keys={
            one.place: arn for bucket, one in held if (arn := _store_key(facts, bucket.encryption))
        },
        uploader_role=settings.roles.get(Role.UPLOADER.setting, ""),
        provider_logs=settings.provider_logs(),
        topic=settings.watch.topic,
        partition=partition_of(_region(facts)),
        region=_region(facts),
        amazon=all(bucket.amazon for bucket in facts.buckets),
        # Where one bucket lost its versions that is a finding, and not the roles' fault.
        versioned=any(bucket.versioning != "" for bucket in facts.buckets) or not facts.buckets,
    )


def own_account(seen: Seen) -> str:
    """The account that the settings name roles, keys and the topic of; "" where they name none."""
    settings = seen.settings
    named = (*settings.roles.values(), *settings.kms.values(), settings.watch.topic)
    return next((one.split(":")[4] for one in named if one.count(":") >= 5), "")


def policy_of(role: Role, seen: Seen) -> Document:
    """The policy that the table gives a role."""
    return role_policy(role, estate(seen))


def allowed(role: Role, seen: Seen) -> tuple[Statement, ...]:
    """Its statements.

    Of a store whose own key is not known, any key through S3 passes: that the store has none is a
    finding already, and what the role has for the right one is not a second. The keys of the
    provider's logs and of the topic are not looked at: any passes there too.
    """
    known = estate(seen)
    tolerant = replace(
        known,
        store_keys={place: known.store_keys.get(place, "*") for place in known.buckets},
        provider_logs=dict.fromkeys(known.provider_logs, "*"),
        topic_key="*",
    )
    return Policy.read(role_policy(role, tolerant)).statements


def users_of(place: Place) -> Iterable[Role]:
    """The roles that the table lets use a key."""
    return [
        role
        for role, rights in TABLE.items()
        if any(right.place is place and right.can & _USES_A_KEY for right in rights)
    ]


def users_of_store(place: Place) -> Iterable[Role]:
    """The roles that S3 uses a store's key for: those that read or put there."""
    through = {Can.READ, Can.CREATE, Can.REPLACE}
    return [
        role
        for role, rights in TABLE.items()
        if any(right.place is place and right.can & through for right in rights)
    ]


def _store_key(facts: Facts, encryption: object) -> str:
    name = getattr(encryption, "key", "")
    key = facts.key(name) if name else None
    if key is None or isinstance(key.state, Unknown):
        return name if name.startswith("arn:") else ""
    return key.state.arn


def _region(facts: Facts) -> str:
    regions = sorted({bucket.region for bucket in facts.buckets})
    return regions[0] if regions else "us-east-1"
