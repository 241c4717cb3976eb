"""What buckets' own policies allow, and what they refuse to everybody."""

from collections.abc import Iterator, Mapping

from unvoiced.access.roles import Role
from unvoiced.posture import commands
from unvoiced.posture.estate import allowed
from unvoiced.posture.facts import Bucket, known
from unvoiced.posture.finding import Problem, Seen, Severity, check
from unvoiced.posture.statements import (
    Condition,
    Document,
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
    policy = known(bucket.policy)
    wrong = [one for one in policy.statements if one.allows and one.for_everybody]
    if wrong:
        actions = sorted({action for one in wrong for action in one.actions})
        fix = commands.put_policy(bucket, policy.without(wrong))
        yield Problem(f"its policy allows everybody {', '.join(actions)}", fix)


@check(
    "bucket-policy-beyond-the-table",
    Severity.HIGH,
    of=buckets,
    why="Who is named in a bucket's policy gets in past the role table, from other accounts too.",
)
def policy_beyond_table(bucket: Bucket, seen: Seen) -> Iterator[Problem]:
    """No statement allows a principal what the table does not."""
    policy = known(bucket.policy)
    roles = {arn: Role(role) for role in Role if (arn := seen.settings.roles.get(role.setting))}
    wrong: dict[Statement, str] = {}
    for one in policy.statements:
        for kind, who in one.principals if one.allows and not one.for_everybody else ():
            if kind == "Service":
                continue
            extra = beyond(one, allowed(roles[who], seen) if who in roles else ())
            if extra:
                wrong[one] = f"its policy allows {who} {extra[0][0]} on {extra[0][1]}"
    fix = commands.put_policy(bucket, policy.without(wrong)) if wrong else ""
    for what in wrong.values():
        yield Problem(what, fix)


@check(
    "tls-not-required",
    Severity.MEDIUM,
    of=buckets,
    why="Requests without TLS show object names, credentials' signatures and sealed bytes to the "
    "network, and are answered.",
)
def tls_only(bucket: Bucket, seen: Seen) -> Iterator[Problem]:
    """The policy denies everything to everybody who comes without TLS."""
    policy = known(bucket.policy)
    wanted = Condition("Bool", "aws:SecureTransport", frozenset({"false"}))
    if not any(
        _denies_everybody(one, "s3:*", bucket) and _same(one.conditions, wanted)
        for one in policy.statements
    ):
        yield Problem(
            "its policy does not refuse requests without TLS",
            commands.put_policy(bucket, policy.with_statement(_tls_statement(bucket))),
        )


@check(
    "other-encryption-allowed",
    Severity.MEDIUM,
    of=buckets,
    why="A put may name an encryption of its own: the object is then under a key of S3's, and the "
    "bucket's default does not apply to it.",
)
def encrypted_puts_only(bucket: Bucket, seen: Seen) -> Iterator[Problem]:
    """The policy denies puts that name another encryption."""
    policy = known(bucket.policy)
    if not any(
        _denies_everybody(one, "s3:PutObject", bucket) and _refuses_other_encryption(one)
        for one in policy.statements
    ):
        yield Problem(
            "its policy does not refuse puts with another encryption than the bucket's",
            commands.put_policy(bucket, policy.with_statement(_encryption_statement(bucket))),
        )


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


def _refuses_other_encryption(one: Statement) -> bool:
    """Whether its conditions are met by a put that names AES256, and no key."""
    return bool(one.conditions) and all(_met(each, {_SSE: "AES256"}) for each in one.conditions)


def _met(condition: Condition, request: Mapping[str, str]) -> bool:
    """As IAM decides: a negated operator is met by a key that is not there. Others count as not."""
    key = condition.key.lower()
    if key not in {_SSE, _SSE_KEY}:
        return False
    if condition.operator == "Null":
        return condition.values == frozenset({"false" if key in request else "true"})
    if condition.operator.removesuffix("IfExists") in {"StringNotEquals", "StringNotLike"}:
        return not any(covers(pattern, request.get(key, "")) for pattern in condition.values)
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
        # IfExists: a put that names none gets the bucket's default, which is right.
        "Condition": {"StringNotEqualsIfExists": {_SSE: "aws:kms"}},
    }
