"""All that a review decides by, and what one part of it found. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from unvoiced.access.roles import Role
from unvoiced.audit.approvals import Approval
from unvoiced.posture.facts import Unknown
from unvoiced.posture.finding import Seen
from unvoiced.posture.statements import Policy
from unvoiced.review.disk import OnThisMachine
from unvoiced.review.finding import Finding, Gap
from unvoiced.review.identities import Identity
from unvoiced.review.targets import Ability, Target
from unvoiced.review.trail import Use


@dataclass(frozen=True)
class Known:
    """Everything that was read: of the account, of the trail, and of this machine."""

    seen: Seen
    identities: tuple[Identity, ...] | Unknown = ()
    topic_policy: Policy | Unknown | None = None
    # Of the buckets that the provider puts its own logs into, by name.
    provider_policies: Mapping[str, Policy | Unknown] = field(default_factory=dict)
    uses: tuple[Use, ...] | Unknown = ()
    approvals: tuple[Approval, ...] | Unknown = ()
    here: OnThisMachine | None = None  # where anything of the deployment is on this machine
    targets: tuple[Target, ...] = ()

    @property
    def now(self) -> datetime:
        """When it was read."""
        return self.seen.facts.now

    @property
    def unused_days(self) -> int:
        """After how many days without use something is not needed."""
        return self.seen.settings.review.unused_days

    @property
    def people(self) -> tuple[Identity, ...]:
        """All users and roles; none where they could not be read, which is a gap elsewhere."""
        return () if isinstance(self.identities, Unknown) else self.identities

    def role_of(self, arn: str) -> Role | None:
        """The role of the table that an ARN is of, by [roles]."""
        named = self.seen.settings.roles
        return next((role for role in Role if named.get(role.setting) == arn), None)

    def label(self, arn: str) -> str:
        """What reports call a principal."""
        role = self.role_of(arn)
        if role is not None:
            return f"{role}"
        found = next((one for one in self.people if one.arn == arn), None)
        return found.label if found else arn


@dataclass(frozen=True)
class Reach:
    """Somebody can do something somewhere, and by what."""

    who: str  # as `Known.label` has it
    target: str
    ability: Ability
    by: str
    in_table: bool
    conditions: tuple[str, ...] = ()  # keys of conditions, which count as met


@dataclass
class Found:
    """What one part of a review found."""

    findings: list[Finding] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    reaches: list[Reach] = field(default_factory=list)

    def take(self, others: "Iterable[Found]") -> "Found":
        """Add what other parts found."""
        for other in others:
            self.findings += other.findings
            self.gaps += other.gaps
            self.reaches += other.reaches
        return self

    def unknown(self, what: str, fact: Unknown) -> None:
        """Note what could not be read."""
        self.gaps.append(Gap(what, fact.why, fact.command))
