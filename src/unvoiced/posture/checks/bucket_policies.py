"""What buckets' own policies allow, and what they refuse to everybody.

Setting a policy replaces it: so all that is wrong with one has the same command, which mends all.
"""

from collections.abc import Iterator, Mapping

from unvoiced.access.roles import Role
from unvoiced.posture import commands, services
from unvoiced.posture.estate import allowed, own_account
from unvoiced.posture.facts import Bucket, known
from unvoiced.posture.finding import Problem, Seen, Severity, check
from unvoiced.posture.statements import (
    Condition,
    Document,
    Policy,
    Statement,
    action_covers,
    beyond,
    covers,
)
from unvoiced.posture.subjects import buckets

_SSE = "s3:x-amz-server-side-encryption"
_SSE_KEY = "s3:x-amz-server-side-encryption-aws-kms-key-id"


@check(
    "public-bucket-policy",
    Severity.HIGH,
    of=buckets,
    why="An Allow for everybody is one mistake in a condition away from an open bucket.",
)
def public_policy(bucket: Bucket, seen: Seen) -> Iterator[Problem]:
    """No statement allows everybody anything, whatever its conditions."""
    wrong = _public(known(bucket.policy))
    if wrong:
        actions = sorted({action for one in wrong for action in one.actions})
        yield Problem(f"its policy allows everybody {', '.join(actions)}", mend(bucket, seen))


@check(
    "bucket-policy-beyond-the-table",
    Severity.HIGH,
    of=buckets,
    why="Who is named in a bucket's policy gets in past the role table, from other accounts too.",
)
def policy_beyond_table(bucket: Bucket, seen: Seen) -> Iterator[Problem]:
    """No statement allows a principal what the table does not."""
    for what in _beyond_table(bucket, known(bucket.policy), seen).values():
        yield Problem(what, mend(bucket, seen))


@check(
    "tls-not-required",
    Severity.MEDIUM,
    of=buckets,
    why="Requests without TLS show object names, credentials' signatures and sealed bytes to the "
    "network, and are answered.",
)
def tls_only(bucket: Bucket, seen: Seen) -> Iterator[Problem]:
    """The policy denies everything to everybody who comes without TLS."""
    if _lacks_tls(bucket, known(bucket.policy)):
        yield Problem("its policy does not refuse requests without TLS", mend(bucket, seen))


@check(
    "other-encryption-allowed",
    Severity.MEDIUM,
    of=buckets,
    why="A put may name an encryption of its own: the object is then under a key of S3's, and the "
    "bucket's default does not apply to it.",
)
def encrypted_puts_only(bucket: Bucket, seen: Seen) -> Iterator[Problem]:
    """The policy denies puts that name another encryption, and none that names nothing."""
    policy = known(bucket.policy)
    if _refusing_ours(bucket, policy):
        yield Problem(
            "its policy refuses puts that name no encryption, as all of ours do",
            mend(bucket, seen),
        )
    elif _lacks_encryption(bucket, policy):
        yield Problem(
            "its policy does not refuse puts with another encryption than the bucket's",
            mend(bucket, seen),
        )


def mend(bucket: Bucket, seen: Seen) -> str:
    """The command that sets right all that is wrong with a bucket's policy."""
    policy = known(bucket.policy)
    wrong = [
        *_public(policy),
        *_beyond_table(bucket, policy, seen),
        *_refusing_ours(bucket, policy),
    ]
    mended = Policy.read(policy.without(wrong))
    if _lacks_tls(bucket, mended):
        mended = Policy.read(mended.with_statement(_tls_statement(bucket)))
    if _lacks_encryption(bucket, mended):
        mended = Policy.read(mended.with_statement(_encryption_statement(bucket)))
    return commands.put_policy(bucket, mended.document)


def _public(policy: Policy) -> list[Statement]:
    return [one for one in policy.statements if one.allows and one.for_everybody]


def _beyond_table(bucket: Bucket, policy: Policy, seen: Seen) -> dict[Statement, str]:
    roles = {arn: Role(role) for role in Role if (arn := seen.settings.roles.get(role.setting))}
    wrong: dict[Statement, str] = {}
    for one in policy.statements:
        for who in services.stray(one, services.of_bucket(bucket.name, seen), own_account(seen)):
            wrong[one] = f"its policy allows {who} {', '.join(one.actions) or 'all but some'}"
        for kind, who in one.principals if one.allows and not one.for_everybody else ():
            if kind == "Service":
                continue
            extra = beyond(one, allowed(roles[who], seen) if who in roles else ())
            if extra:
                wrong[one] = f"its policy allows {who} {extra[0][0]} on {extra[0][1]}"
    return wrong


def _lacks_tls(bucket: Bucket, policy: Policy) -> bool:
    """Whether TLS is to be required and is not.

    Where we come without it ourselves, requiring it would shut us out: `endpoint-without-tls` is
    to be mended first.
    """
    wanted = Condition("Bool", "aws:SecureTransport", frozenset({"false"}))
    return bucket.endpoint.startswith("https://") and not any(
        _denies_everybody(one, "s3:*", bucket) and _same(one.conditions, wanted)
        for one in policy.statements
    )


def _lacks_encryption(bucket: Bucket, policy: Policy) -> bool:
    return not any(_refuses_put(one, bucket, {_SSE: "AES256"}) for one in policy.statements)


def _refusing_ours(bucket: Bucket, policy: Policy) -> list[Statement]:
    """The statements that refuse a put that names no encryption and gets the bucket's default."""
    return [one for one in policy.statements if _refuses_put(one, bucket, {})]


def _denies_everybody(one: Statement, action: str, bucket: Bucket) -> bool:
    wanted = [f"{bucket.arn}/*", *([bucket.arn] if action == "s3:*" else [])]
    return (
        not one.allows
        and one.for_everybody
        and not one.inverted
        and any(action_covers(pattern, action) for pattern in one.actions)
        and all(any(covers(pattern, each) for pattern in one.resources) for each in wanted)
    )


def _same(conditions: tuple[Condition, ...], wanted: Condition) -> bool:
    return len(conditions) == 1 and (
        conditions[0].operator.lower(), conditions[0].key.lower(), conditions[0].values
    ) == (wanted.operator.lower(), wanted.key.lower(), wanted.values)  # fmt: skip


def _refuses_put(one: Statement, bucket: Bucket, names: Mapping[str, str]) -> bool:
    """Whether it refuses everybody's put anywhere in the bucket for what the put names."""
    return (
        _denies_everybody(one, "s3:PutObject", bucket)
        and bool(one.conditions)
        and all(_met(each, names) for each in one.conditions)
    )


def _met(condition: Condition, request: Mapping[str, str]) -> bool:
    """As IAM decides: a negated operator is met by a key that is not there, IfExists or not.

    Conditions on anything else count as not met.
    """
    key = condition.key.lower()
    if key not in {_SSE, _SSE_KEY}:
        return False
    if condition.operator == "Null":
        return condition.values == frozenset({"false" if key in request else "true"})
    if condition.operator.removesuffix("IfExists") in {"StringNotEquals", "StringNotLike"}:
        return key not in request or not any(
            covers(pattern, request[key]) for pattern in condition.values
        )
    return False


def _tls_statement(bucket: Bucket) -> Document:
    return {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [bucket.arn, f"{bucket.arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def _encryption_statement(bucket: Bucket) -> Document:
    return {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": f"{bucket.arn}/*",
        # A put that names none gets the bucket's default, which is right. `StringNotEquals` alone,
        # with IfExists too, is met by what is absent: `Null` says that it must be named.
        "Condition": {"StringNotEquals": {_SSE: "aws:kms"}, "Null": {_SSE: "false"}},
    }
