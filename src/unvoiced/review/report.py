"""The report of a review: everything it found, as JSON that is signed. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from unvoiced.access.roles import Role
from unvoiced.audit.reviews import SignedReview
from unvoiced.log.leaves import rfc3339
from unvoiced.log.note import Verifier
from unvoiced.posture.facts import Unknown
from unvoiced.posture.finding import Severity
from unvoiced.review.finding import Finding, Gap, in_order
from unvoiced.review.identities import Identity
from unvoiced.review.known import Found, Known, Reach
from unvoiced.review.machine import machine_found
from unvoiced.review.policies import identities_found
from unvoiced.review.resources import resources_found
from unvoiced.review.trust import trust_found
from unvoiced.review.use import explained, use_found

FORMAT = "unvoiced-review/1"
# What no review from here can tell, whatever it reads. Part of every report.
_NEVER_OF_AN_ACCOUNT = (
    "policies of the organization (SCPs, RCPs), session policies, VPC endpoint policies: what is "
    "said to be reached may be refused by one",
    "access points that are there, and their policies: whoever may make one, or go through any in "
    "a bucket's region, is said to reach that bucket; access lists of single objects",
    "people behind an identity provider or IAM Identity Center, and whoever is behind a principal "
    "of another account",
    "conditions: each counts as met, and a Deny under a condition as not there",
    "ways round by services: a function, a job or a machine with a role of its own, which whoever "
    "may change what it runs can use",
    "whether a grant of the uploader's was used: only that its role was; use of keys: CloudTrail's "
    "own records have it",
    "the root user, passwords and MFA",
)
_NEVER_OF_A_MACHINE = (
    "the superuser, and who may become it: it reads everything",
    "other machines that mount these folders, and backups of them",
)
_NEVER = (
    "reads around our reader: the watch compares the trail with the provider's own log",
    "copies that somebody made before",
)


@dataclass(frozen=True)
class Report:
    """What came of a review."""

    log: str  # the deployment, by the name of its log
    made: datetime
    made_by: tuple[str, str]  # who ran it, and from where
    unused_days: int
    every_days: int
    findings: tuple[Finding, ...]
    gaps: tuple[Gap, ...]
    limits: tuple[str, ...]
    reaches: tuple[Reach, ...]
    targets: tuple[str, ...]  # in order
    principals: tuple[Mapping[str, Any], ...]
    uses: tuple[Mapping[str, Any], ...]
    approvals: tuple[Mapping[str, Any], ...]
    last: SignedReview | None

    @property
    def kept(self) -> dict[str, str]:
        """Findings that the last reviewer said why to keep, of those that are found again."""
        before = self.last.review.kept if self.last else {}
        return {one.identity: before[one.identity] for one in self.findings
                if one.identity in before}  # fmt: skip

    def counts(self) -> dict[str, int]:
        """How many findings there are, by severity, and what could not be decided."""
        counted = {
            severity.value: sum(one.severity is severity for one in self.findings)
            for severity in Severity
            if severity is not Severity.UNKNOWN
        }
        return {**counted, "unknown": len(self.gaps)}

    def as_json(self) -> dict[str, Any]:
        """For machines and for the signature; names and fields stay."""
        last = self.last
        return {
            "format": FORMAT,
            "log": self.log,
            "made": rfc3339(self.made),
            "made_by": list(self.made_by),
            "unused_days": self.unused_days,
            "every_days": self.every_days,
            "counts": self.counts(),
            "findings": [one.as_json() for one in self.findings],
            "unknown": [
                {"what": gap.what, "why": gap.why, "command": gap.command} for gap in self.gaps
            ],
            "not_looked_at": list(self.limits),
            "targets": list(self.targets),
            "principals": [dict(one) for one in self.principals],
            "reaches": [
                {
                    "who": one.who,
                    "target": one.target,
                    "can": one.ability.value,
                    "by": one.by,
                    "in_table": one.in_table,
                    "conditions": list(one.conditions),
                }
                for one in self.reaches
            ],
            "uses": [dict(one) for one in self.uses],
            "approvals": [dict(one) for one in self.approvals],
            "last_review": {
                "time": last.review.time, "reviewer": last.review.reviewer, "name": last.name,
                "sha256": last.digest,
            } if last else None,
        }  # fmt: skip


def decide(known: Known, made_by: tuple[str, str], last: SignedReview | None) -> Report:
    """The report on all that is known."""
    found = Found().take(
        part(known)
        for part in (identities_found, resources_found, trust_found, use_found, machine_found)
    )
    settings = known.seen.settings
    away = bool(known.seen.facts.buckets or settings.kms or settings.roles)
    reaches = tuple(sorted(set(found.reaches), key=_order))
    named = [one.label for one in known.targets]
    labels = [*named, *sorted({one.target for one in reaches} - set(named))]
    return Report(
        log=Verifier.parse(settings.log_vkey).name,
        made=known.now,
        made_by=made_by,
        unused_days=known.unused_days,
        every_days=settings.review.every_days,
        findings=in_order(found.findings),
        gaps=tuple(sorted({*found.gaps, *_unreadable(known, away)}, key=lambda gap: gap.what)),
        limits=(
            *(_NEVER_OF_AN_ACCOUNT if away else ()),
            *(_NEVER_OF_A_MACHINE if known.here else ()),
            *_NEVER,
        ),
        reaches=reaches,
        targets=tuple(dict.fromkeys(labels)),
        principals=tuple(_principals(known, reaches)),
        uses=tuple(_use(known)),
        approvals=tuple(_approvals(known)),
        last=last,
    )


def _order(one: Reach) -> tuple[str, ...]:
    return (one.who, one.target, one.ability, one.by, str(one.in_table), *one.conditions)


def _unreadable(known: Known, away: bool) -> list[Gap]:
    """What is not looked at because it is not named, or is not Amazon's."""
    gaps = []
    settings, facts = known.seen.settings, known.seen.facts
    unnamed = [role.setting for role in Role if role.setting not in settings.roles]
    if away and unnamed:
        gaps.append(
            Gap(
                f"roles that [roles] does not name: {', '.join(unnamed)}",
                "whoever is one of them looks like a stranger",
                "aws iam list-roles",
            )
        )
    gaps += [
        Gap(f"bucket {one.name}", "its server is not Amazon's: who it lets in is its own to say")
        for one in facts.buckets
        if not one.amazon
    ]
    if isinstance(facts.trails, Unknown):
        gaps.append(Gap("who may stop the trail", facts.trails.why, facts.trails.command))
    return gaps


def _principals(known: Known, reaches: tuple[Reach, ...]) -> list[dict[str, Any]]:
    """Everybody who reaches anything, with when they last did anything at all."""
    by_label: dict[str, Identity] = {known.label(one.arn): one for one in known.people}
    return [
        {
            "who": who,
            "arn": by_label[who].arn if who in by_label else "",
            "of_the_table": who in set(Role),
            "last_used": _moment(_last_use(by_label.get(who))),
        }
        for who in dict.fromkeys(one.who for one in reaches)
    ]


def _last_use(one: Identity | None) -> datetime | Unknown | None:
    """Of a role, its own; of a user, the newest of its keys. Passwords are not seen."""
    if one is None:
        return Unknown("not an identity of the account")
    if one.is_role:
        return one.last_used
    if isinstance(one.keys, Unknown):
        return one.keys
    used = [use.last_used for use in one.keys]
    known = [moment for moment in used if isinstance(moment, datetime)]
    return max(known) if known else next((u for u in used if isinstance(u, Unknown)), None)


def _moment(moment: datetime | Unknown | None) -> str | None:
    """RFC 3339; "" for never, None where it is not known."""
    if isinstance(moment, Unknown):
        return None
    return rfc3339(moment) if moment else ""


def _use(known: Known) -> list[dict[str, Any]]:
    if isinstance(known.uses, Unknown):
        return []
    rows = []
    for use in known.uses:
        who = explained(use.requester, known)
        rows.append(
            {
                "requester": use.requester,
                "who": known.label(who.arn) if isinstance(who, Identity) else use.requester,
                "objects": use.objects,
                "records": use.records,
                "days": use.days,
                "first": rfc3339(use.first),
                "last": rfc3339(use.last),
                "purposes": list(use.purposes),
                "sources": list(use.sources),
            }
        )
    return rows


def _approvals(known: Known) -> list[dict[str, Any]]:
    if isinstance(known.approvals, Unknown):
        return []
    return [
        {
            "requester": one.requester,
            "purpose": one.purpose,
            "objects": one.objects,
            "first": one.first,
            "until": one.until,
            "approved_by": one.approved_by,
            "because": one.because,
        }
        for one in known.approvals
        if one.until >= f"{known.now:%Y-%m-%d}"
    ]
