"""Who is let in by what buckets, keys and the topic say themselves. Pure."""

from collections.abc import Iterator
from dataclasses import replace

from unvoiced.posture.checks.bucket_policies import mend
from unvoiced.posture.checks.keys import name_roles_first, narrow
from unvoiced.posture.commands import aws, in_words
from unvoiced.posture.estate import allowed
from unvoiced.posture.facts import Bucket, Key, Unknown
from unvoiced.posture.finding import Severity
from unvoiced.posture.statements import Policy, Statement, beyond
from unvoiced.review.finding import Finding
from unvoiced.review.known import Found, Known, Reach
from unvoiced.review.patterns import names_action, names_resource
from unvoiced.review.targets import Ability, Kind, Target, key_arn, key_label, roles_of_key

EVERYBODY = "everybody"
# What opens, signs, or gives that to others. Wrapping a secret opens nothing.
_USES = ("kms:Decrypt", "kms:ReEncryptFrom", "kms:Sign", "kms:CreateGrant")
_CHANGES = ("kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:DisableKey")
# Conditions that leave a statement for everybody to one account, or to one thing in it.
_OURS = frozenset({"aws:sourceowner", "aws:sourceaccount", "aws:principalaccount", "aws:sourcearn"})


def resources_found(known: Known) -> Found:
    """What all buckets, keys and the topic let in."""
    facts = known.seen.facts
    found = Found()
    found.take(_bucket(bucket, known) for bucket in facts.buckets if bucket.amazon)
    found.take(
        part
        for key in facts.keys
        if isinstance(key.state, Unknown) or key.state.manager != "AWS"
        for part in (_key_policy(key, known), _grants(key, known))
    )
    return found.take([_topic(known)])


def principals(statement: Statement) -> Iterator[tuple[str, str]]:
    """(kind, who) of a statement: everybody once, where it is for all there are."""
    if statement.for_everybody:
        yield "AWS", EVERYBODY
        return
    yield from statement.principals


def account_of(arn: str) -> str:
    """The account that an ARN or a bare account number names; "" where none."""
    return arn if arn.isdigit() else (arn.split(":")[4] if arn.count(":") >= 5 else "")


def _bucket(bucket: Bucket, known: Known) -> Found:
    found = Found()
    if isinstance(bucket.policy, Unknown):
        found.unknown(f"policy of bucket {bucket.name}", bucket.policy)
        return found
    for statement in bucket.policy.statements:
        for kind, who in principals(statement) if statement.allows else ():
            if kind == "Service":
                continue
            role = known.role_of(who)
            table = allowed(role, known.seen) if role else ()
            extra = [] if who == EVERYBODY else beyond(statement, table)
            wide = bool(extra) or who == EVERYBODY
            reached = {
                (target, ability): None
                for target in known.targets
                if target.kind is Kind.STORE and target.arn == bucket.arn
                for ability, action, resource in target.actions()
                if names_action(statement, action) and names_resource(statement, resource)
            }
            found.reaches += [
                _reach(known.label(who), target, each, f"policy of {bucket.name}", wide, statement)
                for target, each in reached
            ]
            if wide:
                pairs = tuple(extra or ((a, r) for a in statement.actions or ("all but some",)
                                        for r in statement.resources))  # fmt: skip
                found.findings.append(
                    Finding(
                        "bucket-policy-beyond-the-table",
                        Severity.HIGH,
                        known.label(who),
                        f"the policy of bucket {bucket.name} lets it "
                        + ", ".join(f"{action} on {where}" for action, where in pairs),
                        _by_table(reached),
                        mend(bucket, known.seen),
                        bucket.name,
                        pairs,
                    )
                )
    return found


def _by_table(reached: dict[tuple[Target, Ability], None]) -> str:
    roles = {role for target, ability in reached for role in target.roles_with(ability)}
    return f"by the table a right of: {', '.join(sorted(roles))}" if roles else "no role has it"


def _reach(
    who: str, target: Target, ability: Ability, by: str, wide: bool, statement: Statement | None
) -> Reach:
    conditions = {one.key for one in statement.conditions} if statement else set()
    return Reach(who, target.label, ability, by, not wide, tuple(sorted(conditions)))


def _key_policy(key: Key, known: Known) -> Found:
    found, arn = Found(), key_arn(key)
    if isinstance(key.policy, Unknown):
        found.unknown(f"policy of the {key_label(key)}", key.policy)
        return found
    target = next((one for one in known.targets if one.arn == arn), None)
    fix = _mend_key(key, known)
    for statement, who, uses, changes in _let_in(key.policy, key):
        if _is_own_account(who, arn):
            if uses and key.places:
                found.findings.append(_left_to_iam(key, who, uses, fix, known))
            continue
        extra = _beyond_on_key(statement, key, who, uses, known)
        if target is not None:
            of_it = {ability for ability, action, _ in target.actions()
                     if action in {*uses, *changes}}  # fmt: skip
            found.reaches += [
                _reach(known.label(who), target, each, f"policy of the {key_label(key)}",
                       bool(extra or changes), statement)
                for each in of_it
            ]  # fmt: skip
        if extra or changes:
            found.findings.append(_on_key(key, who, [*extra, *changes], fix, known))
    return found


def _let_in(policy: Policy, key: Key) -> Iterator[tuple[Statement, str, list[str], list[str]]]:
    """(statement, who, uses, changes) of all that a key's policy lets use or change the key."""
    for statement in policy.statements:
        uses, changes = _actions(statement, _USES), _actions(statement, _CHANGES)
        for kind, who in principals(statement) if uses or changes else ():
            if kind != "Service":
                yield statement, who, uses, changes


def _is_own_account(who: str, arn: str) -> bool:
    return account_of(who) == account_of(arn) and (who.isdigit() or who.endswith(":root"))


def _mend_key(key: Key, known: Known) -> str:
    """The command that sets right all that is wrong with a key's policy.

    Strangers and the account's own IAM are `narrow`'s to take out. A role that has more than its
    own, and whoever may change the key, lose the statement that gives it.
    """
    first = name_roles_first(key, known.seen)
    if first or isinstance(key.state, Unknown) or isinstance(key.policy, Unknown):
        return first or in_words("look again once the key, and who may use it, can be read")
    arn, ours = key_arn(key), roles_of_key(key, known.seen)
    wrong = [
        statement
        for statement, who, uses, changes in _let_in(key.policy, key)
        if not _is_own_account(who, arn)
        and (changes or known.role_of(who) in ours)
        and (changes or _beyond_on_key(statement, key, who, uses, known))
    ]
    kept = Policy.read(key.policy.without(wrong))
    lost = {known.role_of(who) for each in wrong for _, who in each.principals} & ours
    still = {known.role_of(who) for _, who, uses, _ in _let_in(kept, key) if uses}
    if lost - still:
        names = ", ".join(sorted(str(role) for role in lost - still))
        return in_words(
            f"put the condition of the role table (unvoiced roles --policy) on what {names} has: "
            "without the statement it would have nothing"
        )
    return narrow(replace(key, policy=kept), known.seen)


def _actions(statement: Statement, wanted: tuple[str, ...]) -> list[str]:
    return [one for one in wanted if names_action(statement, one)] if statement.allows else []


def _beyond_on_key(
    statement: Statement, key: Key, who: str, uses: list[str], known: Known
) -> list[str]:
    """Those uses that the table does not give; a role may have its own under its own conditions."""
    role = known.role_of(who)
    if role is None or role not in roles_of_key(key, known.seen):
        return uses
    plain = replace(
        statement, actions=tuple(uses), resources=(key_arn(key),), inverted=(), not_actions=(),
        not_resources=(),
    )  # fmt: skip
    return [action for action, _ in beyond(plain, allowed(role, known.seen))]


def _left_to_iam(key: Key, who: str, uses: list[str], fix: str, known: Known) -> Finding:
    return Finding(
        "key-left-to-iam",
        Severity.LOW,
        who,
        f"the policy of the {key_label(key)} leaves {', '.join(uses)} to all of the account's IAM "
        "policies",
        f"by the table a right of: {', '.join(sorted(roles_of_key(key, known.seen)))}",
        fix,
        key_arn(key),
        tuple((use, key_arn(key)) for use in uses),
    )


def _on_key(key: Key, who: str, actions: list[str], fix: str, known: Known) -> Finding:
    used = any(action in _USES for action in actions)
    roles = ", ".join(sorted(roles_of_key(key, known.seen)))
    return Finding(
        "key-policy-beyond-the-table",
        Severity.HIGH,
        known.label(who),
        f"the policy of the {key_label(key)} lets it {', '.join(actions)}",
        f"by the table a right of: {roles}" + ("" if used else ", to use it and not to change it"),
        fix,
        key_arn(key),
        tuple((action, key_arn(key)) for action in actions),
    )


def _grants(key: Key, known: Known) -> Found:
    found, arn = Found(), key_arn(key)
    if isinstance(key.grants, Unknown):
        found.unknown(f"grants on the {key_label(key)}", key.grants)
        return found
    target = next((one for one in known.targets if one.arn == arn), None)
    for grant in key.grants:
        role = known.role_of(grant.grantee)
        inside = role is not None and role in roles_of_key(key, known.seen)
        names = {f"kms:{operation}" for operation in grant.operations}
        if target is not None:
            abilities = {ability for ability, action, _ in target.actions()
                         if action in names}  # fmt: skip
            found.reaches += [
                _reach(known.label(grant.grantee), target, each, f"grant {grant.grant_id[:8]}",
                       not inside, None)
                for each in abilities
            ]  # fmt: skip
        if not inside:
            revoke = aws(
                "kms", "revoke-grant", key_id=key.name, grant_id=grant.grant_id, region=key.region
            )
            found.findings.append(
                Finding(
                    "key-granted-beyond-the-table",
                    Severity.HIGH,
                    known.label(grant.grantee),
                    f"grant {grant.grant_id[:8]} on the {key_label(key)} lets it "
                    f"{', '.join(grant.operations)}",
                    "nothing here makes grants; by the table a right of: "
                    + ", ".join(sorted(roles_of_key(key, known.seen))),
                    name_roles_first(key, known.seen) or revoke,
                    grant.grant_id,
                    tuple((f"kms:{one}", arn) for one in grant.operations),
                )
            )
    return found


def _topic(known: Known) -> Found:
    found, topic = Found(), known.seen.settings.watch.topic
    if known.topic_policy is None or not topic:
        return found
    if isinstance(known.topic_policy, Unknown):
        found.unknown("policy of the alert topic", known.topic_policy)
        return found
    wrong = [
        (statement, who)
        for statement in known.topic_policy.statements
        for kind, who in principals(statement)
        if statement.allows and kind != "Service" and not _is_ours(statement, who, topic)
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
                "the watcher publishes there, and the account's own subscribe",
                fix,
                topic,
                tuple((action, topic) for action in actions),
            )
        )
    return found


def _is_ours(statement: Statement, who: str, topic: str) -> bool:
    if who == EVERYBODY:
        return _only_ours(statement, account_of(topic))
    return account_of(who) == account_of(topic)


def _only_ours(statement: Statement, account: str) -> bool:
    return any(
        one.key.lower() in _OURS
        and one.operator.startswith(("StringEquals", "StringLike", "ArnLike", "ArnEquals"))
        and not one.operator.endswith("IfExists")
        and all(account_of(value) == account for value in one.values)
        for one in statement.conditions
    )
