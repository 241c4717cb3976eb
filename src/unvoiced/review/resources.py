"""Who is let in by what buckets, the topic and keys say themselves. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from unvoiced.access.policies import LOOKS_AT_THE_ACCOUNT
from unvoiced.access.roles import Role
from unvoiced.posture import services
from unvoiced.posture.checks.bucket_policies import mend
from unvoiced.posture.commands import aws
from unvoiced.posture.estate import allowed, own_account
from unvoiced.posture.facts import Bucket, Unknown
from unvoiced.posture.finding import Severity
from unvoiced.posture.services import account_of, acts_for
from unvoiced.posture.statements import Policy, Statement, beyond
from unvoiced.review.finding import Finding
from unvoiced.review.keys import keys_found
from unvoiced.review.known import Found, Known, Reach
from unvoiced.review.patterns import names_action, names_resource
from unvoiced.review.principals import EVERYBODY, principals, reach
from unvoiced.review.targets import Ability, Kind, Target, provider_buckets


def resources_found(known: Known) -> Found:
    """What all buckets, keys and the topic let in."""
    found = Found()
    found.take(_store(bucket, known) for bucket in known.seen.facts.buckets if bucket.amazon)
    found.take(_records(known))
    return found.take([keys_found(known), _topic(known)])


@dataclass(frozen=True)
class _Bucket:
    """A bucket with a policy of its own, and the command that mends all of that."""

    name: str
    arn: str
    kind: Kind
    policy: Policy
    fix: str = ""


def _store(bucket: Bucket, known: Known) -> Found:
    found = Found()
    if bucket.ownership != "BucketOwnerEnforced":
        found.unknown(
            f"access lists of bucket {bucket.name}",
            Unknown(
                "they are not switched off (ownership BucketOwnerEnforced), and are not read here",
                f"aws s3api get-bucket-acl --bucket {bucket.name}",
            ),
        )
    if isinstance(bucket.policy, Unknown):
        found.unknown(f"policy of bucket {bucket.name}", bucket.policy)
        return found
    fix = mend(bucket, known.seen)
    return found.take(
        [_policy(_Bucket(bucket.name, bucket.arn, Kind.STORE, bucket.policy, fix), known)]
    )


def _records(known: Known) -> Iterable[Found]:
    """The buckets of the provider's own logs; of one that is a store too, `_store` speaks."""
    stores = {bucket.name for bucket in known.seen.facts.buckets}
    for _, arn, place in provider_buckets(known.seen):
        policy = known.provider_policies.get(place.bucket)
        if place.bucket in stores or policy is None:
            continue
        if isinstance(policy, Unknown):
            found = Found()
            found.unknown(f"policy of bucket {place.bucket}", policy)
            yield found
            continue
        bucket = _Bucket(place.bucket, arn, Kind.RECORDS, policy)
        wrong = [one for one in policy.statements for _, who in _let_in(one, bucket, known)
                 if _beyond(one, who, bucket, known)]  # fmt: skip
        document = policy.without(wrong)
        fix = (
            aws("s3api", "put-bucket-policy", bucket=place.bucket, policy=document)
            if document["Statement"]
            else aws("s3api", "delete-bucket-policy", bucket=place.bucket)
        )
        yield _policy(_Bucket(place.bucket, arn, Kind.RECORDS, policy, fix), known)


def _let_in(statement: Statement, bucket: _Bucket, known: Known) -> Iterable[tuple[str, str]]:
    expected = services.of_bucket(bucket.name, known.seen)
    stray = services.stray(statement, expected, own_account(known.seen))
    return principals(statement, stray) if statement.allows else ()


def _beyond(
    statement: Statement, who: str, bucket: _Bucket, known: Known
) -> tuple[tuple[str, str], ...]:
    """What of a statement the table does not give; of everybody, or a service, all of it."""
    if who == EVERYBODY or ("Service", who) in statement.principals:
        actions = statement.actions or ("all but some",)
        return tuple((a, r) for a in actions for r in statement.resources or ("*",))
    role = known.role_of(who)
    table = allowed(role, known.seen) if role else ()
    if bucket.kind is Kind.RECORDS and role in LOOKS_AT_THE_ACCOUNT:
        # The template lets the auditor read the trail's files as the watcher does.
        table = (*table, *allowed(Role.WATCHER, known.seen))
    return tuple(beyond(statement, table))


def _policy(bucket: _Bucket, known: Known) -> Found:
    found = Found()
    for statement in bucket.policy.statements:
        for _, who in _let_in(statement, bucket, known):
            pairs = _beyond(statement, who, bucket, known)
            reached = {
                (target, ability): None
                for target in known.targets
                if target.kind is bucket.kind and target.arn == bucket.arn
                for ability, action, resource in target.actions()
                if names_action(statement, action) and names_resource(statement, resource)
            }
            by = f"policy of {bucket.name}"
            found.reaches += [
                reach(known.label(who), target, each, by, bool(pairs), statement)
                for target, each in reached
            ]
            if pairs:
                found.findings.append(
                    Finding(
                        "bucket-policy-beyond-the-table",
                        Severity.HIGH,
                        known.label(who),
                        f"the policy of bucket {bucket.name} lets it "
                        + ", ".join(f"{action} on {where}" for action, where in pairs),
                        _by_table(reached),
                        bucket.fix,
                        bucket.name,
                        pairs,
                    )
                )
    return found


def _by_table(reached: dict[tuple[Target, Ability], None]) -> str:
    roles = {role for target, ability in reached for role in target.roles_with(ability)}
    return f"by the table a right of: {', '.join(sorted(roles))}" if roles else "no role has it"


def _topic(known: Known) -> Found:
    found, topic = Found(), known.seen.settings.watch.topic
    if known.topic_policy is None or not topic:
        return found
    if isinstance(known.topic_policy, Unknown):
        found.unknown("policy of the alert topic", known.topic_policy)
        return found
    account = account_of(topic)
    wrong = [
        (statement, who)
        for statement in known.topic_policy.statements
        if statement.allows
        for kind, who in principals(
            statement, services.stray(statement, services.OF_THE_TOPIC, account)
        )
        if kind == "Service" or not _is_ours(statement, who, account)
    ]
    mended = Policy.read(known.topic_policy.without(statement for statement, _ in wrong))
    fix = aws(
        "sns", "set-topic-attributes",
        topic_arn=topic, attribute_name="Policy", attribute_value=mended.text,
    )  # fmt: skip
    for statement, who in wrong:
        actions = statement.actions or ("all but some",)
        found.reaches += [
            Reach(who, target.label, ability, "policy of the alert topic", False)
            for target in known.targets
            if target.kind is Kind.TOPIC
            for ability in {a for a, action, _ in target.actions()
                            if names_action(statement, action)}
        ]  # fmt: skip
        found.findings.append(
            Finding(
                "topic-policy-beyond-the-account",
                Severity.MEDIUM,
                who,
                f"the policy of the alert topic lets it {', '.join(actions)}",
                "the watcher and the account's alarms publish there, its own subscribe",
                fix,
                topic,
                tuple((action, topic) for action in actions),
            )
        )
    return found


def _is_ours(statement: Statement, who: str, account: str) -> bool:
    return acts_for(statement, account) if who == EVERYBODY else account_of(who) == account
