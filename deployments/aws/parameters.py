"""What a deployer is asked, in groups, and the conditions that answers make."""

from dataclasses import dataclass

from deployments.aws.estate import pascal
from deployments.aws.language import Node
from unvoiced.access.roles import Role
from unvoiced.sections import DisposalSettings, RetentionSettings

# What is assumed with a person's own credentials. The uploader role is assumed by the inviter's.
PEOPLE = [role for role in Role if role not in (Role.UPLOADER, Role.WORKER)]
_ARN = "arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/[A-Za-z0-9+=,.@_/-]+"
_DAYS = {
    "raw_backstop_days": "Days until S3 destroys what is still in raw: a backstop, which leaves no "
    "receipt, behind the retention flow, which leaves one. 30 more than raw_days under "
    "[retention].",
    "archive_days": "Days for which what is put into the archive is locked, and at most: as "
    "archive_days, or a day more where clocks may differ.",
    "noncurrent_days": "Days until a replaced or hidden version is destroyed. As noncurrent_days.",
    "incomplete_upload_days": "Days until parts of an upload that nobody completed are destroyed. "
    "As incomplete_upload_days.",
}
LOCK_MODES = ("GOVERNANCE", "COMPLIANCE")
SERVICES = ("ecs-tasks.amazonaws.com", "ec2.amazonaws.com")


@dataclass(frozen=True)
class Group:
    """Parameters that the console shows together."""

    label: str
    parameters: dict[str, Node]


def principal(role: Role) -> str:
    """The parameter that says who may assume a role."""
    return f"{pascal(role)}PrincipalArn"


def _text(description: str, **rest: Node) -> Node:
    return {"Type": "String", **rest, "Description": description}


def _number(description: str, default: int, **rest: Node) -> Node:
    return {"Type": "Number", "Default": default, "MinValue": 1, **rest, "Description": description}


def _yes_or_no(description: str, default: str) -> Node:
    return _text(description, Default=default, AllowedValues=["true", "false"])


def _maybe_arn(description: str) -> Node:
    return _text(description, Default="", AllowedPattern=f"^$|^{_ARN}$")


GROUPS = (
    Group(
        "Names",
        {
            "NamePrefix": _text(
                "First part of the names of buckets, key aliases, trail, topic and alarms.",
                Default="unvoiced",
                AllowedPattern="^[a-z][a-z0-9-]{0,14}[a-z0-9]$",
            ),
        },
    ),
    Group(
        "Who may be what",
        {
            "WorkerTrust": _text(
                "Who assumes the ingest worker's role: tasks of ECS, machines of EC2, or the "
                "principal below.",
                Default="ecs-tasks.amazonaws.com",
                AllowedValues=[*SERVICES, "principal"],
            ),
            principal(Role.WORKER): _maybe_arn("With WorkerTrust principal: its role's ARN."),
            **{
                principal(role): _text(
                    f"ARN of the IAM role (or user) that may assume the role {role}.",
                    AllowedPattern=f"^{_ARN}$",
                )
                for role in PEOPLE
            },
            "WatchTrust": _text(
                "What assumes the watcher's role to run the watch, besides the principal named "
                "above, who approves and reviews: tasks of ECS, machines of EC2, or nothing.",
                Default="ecs-tasks.amazonaws.com",
                AllowedValues=[*SERVICES, "nothing"],
            ),
            "RequireMfa": _yes_or_no(
                "Whether people need MFA in the session they assume a role with. Say false only "
                "where they come through an identity provider that asks for it and IAM is not told "
                "(IAM Identity Center).",
                "true",
            ),
        },
    ),
    Group(
        "Keys",
        {
            "CeremonyPrincipalArn": _maybe_arn(
                "Role that runs unvoiced init. It may wrap secrets and never unwrap one. Empty "
                "takes that leave back."
            ),
            "KmsLogSigning": _yes_or_no(
                "Whether a key of KMS signs the log's checkpoints, not one in the worker's vault.",
                "true",
            ),
            "KeyDeletionDays": _number(
                "Days in which the deletion of a key can be cancelled.",
                30,
                MinValue=7,
                MaxValue=30,
            ),
        },
    ),
    Group(
        "Retention",
        {
            **{
                pascal(name.replace("_", " ")): _number(_DAYS[name], days)
                for name, days in ((name, getattr(RetentionSettings(), name)) for name in _DAYS)
            },
            "ArchiveLockMode": _text(
                "GOVERNANCE: who has s3:BypassGovernanceRetention (none of these roles) can lift a "
                "lock for an erasure. COMPLIANCE: nobody can, root neither, until the days are "
                "over, and an erasure of what is archived has to wait for that. As lock_mode under "
                "[disposal]: another is refused.",
                Default=DisposalSettings().lock_mode,
                AllowedValues=LOCK_MODES,
            ),
            "TrailDays": _number(
                "Days for which CloudTrail's records are kept, in its bucket and in CloudWatch.",
                365,
                AllowedValues=[90, 180, 365, 400, 731, 1096],
            ),
        },
    ),
    Group(
        "Alarms",
        {
            "AlarmEmail": _text("Where alarms go; empty to subscribe something else.", Default=""),
            "RawGetsPerFiveMinutes": _number(
                "GETs on the raw bucket within five minutes that raise an alarm. Above what ingest "
                "does.",
                3000,
            ),
            "TrainingGetsPerFiveMinutes": _number(
                "The same on the training bucket. Above what training does.", 30000
            ),
        },
    ),
)

PARAMETERS: dict[str, Node] = {
    name: parameter for group in GROUPS for name, parameter in group.parameters.items()
}

INTERFACE: Node = {
    "AWS::CloudFormation::Interface": {
        "ParameterGroups": [
            {"Label": {"default": group.label}, "Parameters": list(group.parameters)}
            for group in GROUPS
        ]
    }
}


def _is(parameter: str, value: str) -> Node:
    return {"Fn::Equals": [{"Ref": parameter}, value]}


def _is_given(parameter: str) -> Node:
    return {"Fn::Not": [_is(parameter, "")]}


CONDITIONS: dict[str, Node] = {
    "WorkerIsPrincipal": _is("WorkerTrust", "principal"),
    "WorkerIsMachine": _is("WorkerTrust", "ec2.amazonaws.com"),
    "WatchIsService": {"Fn::Not": [_is("WatchTrust", "nothing")]},
    "WatchIsMachine": _is("WatchTrust", "ec2.amazonaws.com"),
    "MfaIsRequired": _is("RequireMfa", "true"),
    "CeremonyIsOpen": _is_given("CeremonyPrincipalArn"),
    "KmsSignsTheLog": _is("KmsLogSigning", "true"),
    "SomebodyGetsMail": _is_given("AlarmEmail"),
}

RULES: dict[str, Node] = {
    "WorkerPrincipalIsNamed": {
        "RuleCondition": _is("WorkerTrust", "principal"),
        "Assertions": [
            {
                "Assert": _is_given(principal(Role.WORKER)),
                "AssertDescription": "WorkerTrust principal needs IngestWorkerPrincipalArn",
            }
        ],
    }
}
