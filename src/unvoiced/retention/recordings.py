"""Disposing of recordings that are due: accept what no run has seen, then destroy with receipts.

A receipt follows only an acceptance, so a recording that ingest never came to is accepted first. It
is read for its digest, in the memory of one process, and not opened: the eraser holds no key.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice

from unvoiced.disposal import Cause, Target
from unvoiced.eraser import Eraser
from unvoiced.errors import CredentialsExpired, NotFound, StoreError
from unvoiced.log.acceptance import accepted_leaf, intake_key_of
from unvoiced.retention.look import quarantined_since
from unvoiced.retention.rules import Dated, Decision, Rule
from unvoiced.retention.sweeps import Swept

_AT_ONCE = 256
_TOO_LARGE = "over [ingest] max_recording_bytes, so it is not read and has no digest: raise that"
_PLANTED = "no quarantine record that anybody of ours signed: see who put it there, and delete it"
_NO_RECORD = "in quarantine by the log, and without its record: the next ingest writes that anew"
_NOT_THE_RECORDS = "another recording than its quarantine record says: look who wrote that"


def dispose_due(eraser: Eraser, decision: Decision) -> Swept:
    """Dispose of what a rule made due in raw. Raises `StoreError` where nothing can be begun."""
    swept = Swept(left=dict(decision.left))
    due = iter(decision.due)
    not_before = _quarantined_until(eraser) if decision.rule is Rule.RAW and decision.due else {}
    while portion := list(islice(due, _AT_ONCE)):
        _dispose(eraser, portion, decision.rule.cause, not_before, swept)
    return swept


def _quarantined_until(eraser: Eraser) -> dict[str, datetime]:
    """When what the log has in quarantine is due, by digest: without its record too."""
    days = timedelta(days=eraser.settings.retention.quarantine_days)
    since = quarantined_since(eraser.settings.log_reader())
    return {digest: when + days for digest, when in since.items()}


def _dispose(
    eraser: Eraser,
    due: Sequence[Dated],
    cause: Cause,
    not_before: Mapping[str, datetime],
    swept: Swept,
) -> None:
    ledger = eraser.accounts.current()
    as_of = ledger.size
    limit = eraser.settings.ingest.max_recording_bytes
    targets: list[Target] = []
    leaves: dict[str, bytes] = {}
    for one in due:
        entry = one.entry
        if entry.delete_marker:  # goes with the last version that it hides
            continue
        if entry.size > limit:
            swept.left[entry.name] = _TOO_LARGE
            continue
        try:
            data = eraser.raw.get(entry.name, entry.version).data
        except NotFound:
            continue
        except CredentialsExpired:
            raise
        except StoreError as error:
            swept.left[entry.name] = str(error)
            continue
        digest = hashlib.sha256(data).hexdigest()
        if one.sha256 not in {"", digest}:
            swept.left[entry.name] = _NOT_THE_RECORDS
            continue
        if digest in not_before and not_before[digest] > eraser.now():
            swept.left[entry.name] = _NO_RECORD
            continue
        targets.append(Target(entry.name, entry.version, digest))
        leaves[digest] = accepted_leaf(digest, intake_key_of(data, ledger), eraser.now())
    eraser.accounts.append([leaves[digest] for digest in sorted(leaves)], as_of=as_of)
    ledger = eraser.accounts.current()
    outcome = eraser.undertaker.dispose(
        [target for target in targets if ledger.is_unsettled(target.sha256)], cause
    )
    swept.destroyed += outcome.disposed
    swept.left |= outcome.left


def clear_records(eraser: Eraser) -> dict[str, str]:
    """Take out the quarantine records of recordings that are gone; why some are left, by name.

    One whose recording is gone and has no receipt stays: it says which one is missing.
    """
    # In this order: a record is made of what stands in raw.
    records = eraser.quarantine.records()
    standing = {(one.name, one.version) for one in eraser.raw.versions()}
    ledger = eraser.accounts.current()
    for record in records:
        stands = (record.name, record.version) in standing
        if not stands and not ledger.is_unsettled(record.sha256):
            eraser.quarantine.remove(record)
    return dict.fromkeys(records.planted, _PLANTED)
