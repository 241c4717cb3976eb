"""What an account has around a deployment: its roles, users, trails, alarms and backups."""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from unvoiced.access.roles import Role
from unvoiced.aws.account import Account, Answer, NotAnswered
from unvoiced.config import Settings
from unvoiced.posture import reading
from unvoiced.posture.facts import (
    Alarm,
    Facts,
    MetricFilter,
    RoleFacts,
    RolePolicy,
    Subscription,
    Trail,
    Unknown,
    User,
)
from unvoiced.posture.reading import read
from unvoiced.posture.statements import Policy

T = TypeVar("T")


def with_surroundings(facts: Facts, settings: Settings, account: Account) -> Facts:
    """Add what an account has of users, trails, alarms and backups."""
    regions = sorted({bucket.region for bucket in facts.buckets if bucket.amazon})
    if not regions and not settings.kms and not settings.roles:
        return facts
    alarms = _everywhere(regions, lambda region: _alarms(account, region))
    actions = {one for alarm in _or_none(alarms) for one in alarm.actions}
    return Facts(
        **{
            **vars(facts),
            "users": _users(account),
            "trails": _trails(account, regions),
            "alarms": alarms,
            "filters": _everywhere(regions, lambda region: _filters(account, region)),
            "topics": {arn: _topic(account, arn) for arn in sorted(actions) if ":sns:" in arn},
            "backups": _everywhere(regions, lambda region: _backups(account, region)),
        }
    )


def region_of(arn: str, account: Account, otherwise: str = "") -> str:
    """The region that an ARN names; of what is no ARN, the one that is used otherwise."""
    return arn.split(":")[3] if arn.count(":") >= 5 else otherwise or account.region


def role_facts(role: Role, arn: str, account: Account) -> RoleFacts:
    """What a role is like: who may assume it, for how long, and what it may."""
    name = arn.rpartition("/")[2]
    found = account.ask("iam", "get_role", account.region, RoleName=name)
    return RoleFacts(
        role=role,
        arn=arn,
        trust=read(found, lambda a: Policy.read(a["Role"]["AssumeRolePolicyDocument"])),
        session_seconds=read(found, lambda a: int(a["Role"]["MaxSessionDuration"])),
        policies=_policies(name, account),
    )


def _policies(role: str, account: Account) -> tuple[RolePolicy, ...] | Unknown:
    """All policies of a role; unknown as soon as one of them is."""
    region = account.region
    inline = account.ask("iam", "list_role_policies", region, RoleName=role)
    attached = account.ask("iam", "list_attached_role_policies", region, RoleName=role)
    found: list[RolePolicy] = []
    for answer in (inline, attached):
        if isinstance(answer, NotAnswered):
            return Unknown(answer.why, answer.command)
        for name in answer.get("PolicyNames", ()):
            given = account.ask("iam", "get_role_policy", region, RoleName=role, PolicyName=name)
            policy = read(given, lambda a: Policy.read(a["PolicyDocument"]))
            if isinstance(policy, Unknown):
                return policy
            found.append(RolePolicy(name, policy))
        for one in answer.get("AttachedPolicies", ()):
            policy = attached_policy(one["PolicyArn"], account)
            if isinstance(policy, Unknown):
                return policy
            found.append(RolePolicy(one["PolicyName"], policy, one["PolicyArn"]))
    return tuple(found)


def attached_policy(arn: str, account: Account) -> Policy | Unknown:
    """A managed policy, in its default version."""
    said = account.ask("iam", "get_policy", account.region, PolicyArn=arn)
    version = read(said, lambda a: str(a["Policy"]["DefaultVersionId"]))
    if isinstance(version, Unknown):
        return version
    given = account.ask(
        "iam", "get_policy_version", account.region, PolicyArn=arn, VersionId=version
    )
    return read(given, lambda a: Policy.read(a["PolicyVersion"]["Document"]))


def _users(account: Account) -> tuple[User, ...] | Unknown:
    answer = account.ask("iam", "list_users", account.region)
    names = read(answer, lambda a: [str(one["UserName"]) for one in a.get("Users", ())])
    if isinstance(names, Unknown):
        return names

    def keys(name: str) -> Answer | NotAnswered:
        return account.ask("iam", "list_access_keys", account.region, UserName=name)

    return tuple(User(name, read(keys(name), reading.access_keys)) for name in names)


def _trails(account: Account, regions: Iterable[str]) -> tuple[Trail, ...] | Unknown:
    """Every trail that records in these regions, once each."""

    def there(region: str) -> list[Mapping[str, str]] | Unknown:
        # Those of other regions and of the organization that record here too.
        answer = account.ask("cloudtrail", "describe_trails", region, includeShadowTrails=True)
        return read(answer, lambda a: list(a.get("trailList", ())))

    found = _everywhere(regions, there)
    if isinstance(found, Unknown):
        return found
    by_arn = {one["TrailARN"]: one for one in found}
    return tuple(_trail(account, one) for one in by_arn.values())


def _trail(account: Account, found: Mapping[str, str]) -> Trail:
    arn, region = found["TrailARN"], found.get("HomeRegion", account.region)
    status = account.ask("cloudtrail", "get_trail_status", region, Name=arn)
    selectors = account.ask("cloudtrail", "get_event_selectors", region, TrailName=arn)
    return Trail(
        name=found.get("Name", arn),
        arn=arn,
        region=region,
        validated=bool(found.get("LogFileValidationEnabled", False)),
        log_group=found.get("CloudWatchLogsLogGroupArn", ""),
        logging=read(status, lambda a: bool(a["IsLogging"])),
        selectors=read(selectors, reading.event_selectors),
    )


def _alarms(account: Account, region: str) -> list[Alarm] | Unknown:
    answer = account.ask("cloudwatch", "describe_alarms", region)
    return read(answer, lambda a: reading.alarms(a, region))


def _filters(account: Account, region: str) -> list[MetricFilter] | Unknown:
    return read(account.ask("logs", "describe_metric_filters", region), reading.metric_filters)


def _topic(account: Account, arn: str) -> tuple[Subscription, ...] | Unknown:
    region = region_of(arn, account)
    answer = account.ask("sns", "list_subscriptions_by_topic", region, TopicArn=arn)
    return read(answer, reading.subscriptions)


def _backups(account: Account, region: str) -> list[str] | Unknown:
    answer = account.ask("backup", "list_protected_resources", region)
    return read(answer, lambda a: [str(one["ResourceArn"]) for one in a.get("Results", ())])


def _everywhere(
    regions: Iterable[str], there: Callable[[str], list[T] | Unknown]
) -> tuple[T, ...] | Unknown:
    """What all regions have together; unknown where one of them is."""
    found: list[T] = []
    for region in regions:
        here = there(region)
        if isinstance(here, Unknown):
            return here
        found += here
    return tuple(found)


def _or_none(fact: tuple[T, ...] | Unknown) -> tuple[T, ...]:
    return () if isinstance(fact, Unknown) else fact
