"""Which services of Amazon's have business with what, and for whom they act. Pure.

A service acts for whoever set it up, in any account there is, unless a condition of the statement
says for whom. So one is at home only with the actions it is known to need, and for this account.
"""

from collections.abc import Iterator, Mapping, Set

from unvoiced.access.roles import Role
from unvoiced.posture.finding import Seen
from unvoiced.posture.statements import Document, Statement, action_covers, covers

# Names of services, which may be patterns, and what each is known to need.
Services = Mapping[str, tuple[str, ...]]
NONE: Services = {}
# CloudTrail's files and S3's own access logs, in the buckets that [watch] names.
OF_RECORDS: Services = {
    "cloudtrail.amazonaws.com": ("s3:GetBucketAcl", "s3:PutObject"),
    "logging.s3.amazonaws.com": ("s3:PutObject",),
}
OF_A_STORES_KEY: Services = {
    "cloudtrail.amazonaws.com": ("kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey*"),
    "cloudwatch.amazonaws.com": ("kms:Decrypt", "kms:GenerateDataKey*"),
    "logs.*.amazonaws.com": (
        *("kms:Decrypt", "kms:Describe*", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"),
    ),
}
OF_THE_TOPIC: Services = {"cloudwatch.amazonaws.com": ("sns:Publish",)}
_OF_MACHINES: Services = {
    "ecs-tasks.amazonaws.com": ("sts:AssumeRole",),
    "ec2.amazonaws.com": ("sts:AssumeRole",),
}
_RUN_BY_MACHINES = frozenset({Role.WORKER, Role.WATCHER})
# Conditions that say for whom a service acts: by account, or by an ARN that has one.
_FOR = frozenset(
    {
        *("aws:sourceaccount", "aws:sourceowner", "aws:sourcearn", "aws:principalaccount"),
        *("kms:encryptioncontext:aws:logs:arn", "kms:encryptioncontext:aws:sns:topicarn"),
    }
)
_EQUALS = frozenset({"StringEquals", "StringLike", "ArnEquals", "ArnLike"})


def of_bucket(name: str, seen: Seen) -> Services:
    """Those that put into a bucket: none, but where [watch] looks for the provider's logs."""
    records = {folder.partition("/")[0] for folder in seen.settings.provider_logs()}
    return OF_RECORDS if name in records else NONE


def of_role(role: Role) -> Services:
    """Those that take a role of the table on: machines, for what no person runs."""
    return _OF_MACHINES if role in _RUN_BY_MACHINES else NONE


def stray(statement: Statement, expected: Services, account: str) -> tuple[str, ...]:
    """The services that a statement allows what they do not need, or for any account."""
    at_home = acts_for(statement, account)
    return tuple(
        who for who in _services(statement) if not (at_home and _needs(who, statement, expected))
    )


def stray_machines(statement: Statement, role: Role, account: str) -> tuple[str, ...]:
    """The same of who is trusted with a role of the table.

    EC2 asks only within the account it is in, and does not say for which: the condition has to be
    there, and may let that pass (IfExists).
    """
    expected = of_role(role)
    at_home = acts_for(statement, account, {*_EQUALS, "StringEqualsIfExists"})
    return tuple(
        who for who in _services(statement) if not (at_home and _needs(who, statement, expected))
    )


def trust_in(service: str, account: str) -> Document:
    """A statement that trusts a machine's service as `stray_machines` wants it."""
    return {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEqualsIfExists": {"aws:SourceAccount": account}},
    }


def acts_for(statement: Statement, account: str, operators: Set[str] = _EQUALS) -> bool:
    """Whether a condition leaves a statement to one account, or to things in it."""
    return bool(account) and any(
        one.operator in operators
        and one.key.lower() in _FOR
        and {account_of(value) for value in one.values} == {account}
        for one in statement.conditions
    )


def _services(statement: Statement) -> Iterator[str]:
    if statement.allows:
        yield from (who for kind, who in statement.principals if kind == "Service")


def _needs(who: str, statement: Statement, expected: Services) -> bool:
    """Whether all that a statement allows is what a service is known to need."""
    needed = [
        action for name, actions in expected.items() if covers(name, who) for action in actions
    ]
    return not statement.inverted and all(
        any(action_covers(each, one) for each in needed) for one in statement.actions
    )


def account_of(arn: str) -> str:
    """The account that an ARN or a bare account number names; "" where none."""
    return arn if arn.isdigit() else (arn.split(":")[4] if arn.count(":") >= 5 else "")
