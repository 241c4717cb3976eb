"""Making a review: all is read, and decided on. Only `sign_and_record` changes anything."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from unvoiced.audit.approvals import Approval, approvals
from unvoiced.audit.requester import requester_of, source
from unvoiced.audit.reviews import (
    SignedReview,
    last_review,
    new_review,
    record_review,
    sign_review,
)
from unvoiced.aws.account import Account
from unvoiced.config import Settings
from unvoiced.errors import InputError, UnvoicedError
from unvoiced.log.ledger import Ledger
from unvoiced.log.note import Verifier
from unvoiced.posture.facts import Unknown
from unvoiced.posture.finding import Seen
from unvoiced.posture.look import take_facts
from unvoiced.posture.reading import policy, read
from unvoiced.posture.statements import Policy
from unvoiced.posture.surroundings import region_of
from unvoiced.review.disk import look_at_disk
from unvoiced.review.identities import read_identities
from unvoiced.review.known import Known
from unvoiced.review.report import Report, decide
from unvoiced.review.targets import provider_buckets, targets
from unvoiced.review.trail import uses
from unvoiced.review.trust import stand_ins


def take_review(settings: Settings, now: datetime) -> Report:
    """Look at everything and decide. Raises `AccessError` without credentials it needs.

    Raises `VerificationError` where the log is not what it was.
    """
    return decide(read_all(settings, now), requester(settings), last(settings, now))


def requester(settings: Settings) -> tuple[str, str]:
    """Who runs this, by their credentials or the operating system, and from where."""
    return requester_of(settings.store_url("audit")), source()


def last(settings: Settings, now: datetime) -> SignedReview | None:
    """The newest review that counts."""
    verifier = Verifier.parse(settings.log_vkey)
    return last_review(settings.store("audit"), settings.log_reader(), verifier, now)


def read_all(settings: Settings, now: datetime) -> Known:
    """Everything that a review is decided by."""
    facts = take_facts(settings, now)
    seen = Seen(facts, settings)
    topic = settings.watch.topic
    days = max(settings.review.unused_days, settings.review.every_days)
    known = Known(
        seen=seen,
        uses=uses(settings.store("audit"), now - timedelta(days=days), now),
        approvals=_approvals(settings),
        here=look_at_disk(settings),
        targets=targets(seen, topic),
    )
    if not facts.buckets and not settings.kms and not settings.roles:
        return known
    account = Account()
    topic_policy = _topic_policy(topic, account) if topic else None
    known = replace(
        known,
        identities=read_identities(account, facts.users),
        topic_policy=topic_policy,
        provider_policies=_provider_policies(seen, account),
    )
    return replace(known, targets=(*known.targets, *stand_ins(known)))


def _provider_policies(seen: Seen, account: Account) -> dict[str, Policy | Unknown]:
    return {
        place.bucket: read(
            account.ask(
                "s3", "get_bucket_policy", place.region or account.region, place.endpoint,
                Bucket=place.bucket,
            ),
            policy,
        )
        for _, _, place in provider_buckets(seen)
    }  # fmt: skip


def _topic_policy(topic: str, account: Account) -> Policy | Unknown:
    answer = account.ask(
        "sns", "get_topic_attributes", region_of(topic, account), TopicArn=topic
    )  # fmt: skip
    return read(answer, lambda found: policy(found["Attributes"]))


def _approvals(settings: Settings) -> tuple[Approval, ...] | Unknown:
    reader, ledger = settings.log_reader(), Ledger()
    try:
        ledger.follow(reader.entries, reader.checkpoint().size)
        found = approvals(settings.store("audit"), Verifier.parse(settings.log_vkey), ledger)
        return tuple(one.approval for one in found if one.approval is not None)
    except UnvoicedError as error:
        return Unknown(f"the log or the approvals could not be read: {error}")


def sign_and_record(
    settings: Settings,
    report: Report,
    now: datetime,
    *,
    note: str = "",
    kept: Mapping[str, str] | None = None,
) -> SignedReview:
    """Sign the report as whoever runs this, keep it in the audit store, and log its digest.

    `kept` has, by their identities, the findings that stay, each with the reason; what the last
    reviewer kept is not kept again by itself. Raises `InputError` for one that the report does not
    have, or without a reason; `AccessError` and `StoreError`.
    """
    given = dict(kept or {})
    if strange := given.keys() - {one.identity for one in report.findings}:
        raise InputError(f"the report has no finding {', '.join(sorted(strange))}")
    if any(not why.strip() for why in given.values()):
        raise InputError("a finding is kept for a reason: ID=REASON")
    worker = settings.vault("worker")
    signer = settings.signer(worker)
    accounts = settings.accounts(worker, signer)
    body = report.as_json()
    review = new_review(
        body, requester(settings), now, accounts.current().size, len(report.findings), note, given
    )
    signed = sign_review(body, review, signer)
    record_review(settings.store("audit"), accounts, signed, now)
    return signed
