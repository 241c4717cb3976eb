"""Destroying what is due and is no recording: intend, destroy, observe, log, remove the intent.

An object that the log knows by itself (an archived original, a contributor's key) gets a leaf of
its own, once no version is left under its name that may be the same bytes: a backup that was put
back, a copy. All others that went for one rule in one store share a leaf, which counts them.

One object that does not go stops no other: it is left, with the reason, and due again next time.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from unvoiced import __version__
from unvoiced.audit.page import PAGES
from unvoiced.audit.record import READS
from unvoiced.disposal.keys_to_go import KEY
from unvoiced.disposal.labels import may_stand
from unvoiced.eraser import Eraser
from unvoiced.errors import (
    CredentialsExpired,
    InputError,
    NotFound,
    StoreError,
    VerificationError,
)
from unvoiced.keys.contributor import key_object_name
from unvoiced.log.leaves import encode_leaf, parse_leaf
from unvoiced.log.ledger import Ledger
from unvoiced.retention.intents import Item, SweepIntent, SweepIntents, portions
from unvoiced.retention.needed_keys import needed_after_all
from unvoiced.retention.rules import Dated, Decision, owner
from unvoiced.sealing import Json, parse_header
from unvoiced.stores import Entry, Store

ARCHIVED = "archive-destroyed"
NOT_CHECKED = (
    "replicas and snapshots kept by the store's operator",
    "backups and copies made outside this pipeline",
    "blocks of the storage device",
    "the same bytes under another name",
)
_MORE_NOT_CHECKED = {
    ARCHIVED: ("the bytes: the digest is the signed label that the object was put with",),
    KEY: ("whether who holds the dataset key kept what an earlier copy of the object opens to",),
}


@dataclass
class Swept:
    """What became of what was due in a store."""

    destroyed: int = 0  # versions seen to be gone, delete markers not counted
    left: dict[str, str] = field(default_factory=dict)  # object name -> why


def sweep_due(eraser: Eraser, decision: Decision) -> Swept:
    """Destroy what a rule made due in a store. Raises `StoreError` where nothing can be begun."""
    swept = Swept(left=dict(decision.left))
    intents, store = _intents(eraser), store_of(eraser, decision.store)
    items = _items(eraser, store, decision, swept)
    for portion in portions(items):
        signer = eraser.undertaker.signer
        intent = intents.write(decision.rule, decision.store, portion, signer)
        held = eraser.holds.held()
        going = []
        for item in portion:
            by = held.by(f"{owner(decision.store, item.name)}/")
            if by is None:
                going.append(item)
            else:
                swept.left[item.name] = f"under a legal hold ({by}) since a moment ago"
        reasons = {
            name: _why_needed(eraser, decision, name) or _destroy(store, name, versions)
            for name, versions in _by_name(going).items()
        }
        gone, standing = _settle(eraser, intent, intents)
        swept.destroyed += gone
        for name in standing & reasons.keys():
            swept.left[name] = reasons[name] or "still listed after it was destroyed"
    return swept


def finish_sweeps(eraser: Eraser) -> Swept:
    """Log what sweeps that are no more had destroyed; what they had not is decided anew."""
    swept, intents = Swept(), _intents(eraser)
    for name in intents.names():
        try:
            intent = intents.read(name)
        except VerificationError as error:  # somebody's who is not of ours: not acted upon
            swept.left[name] = str(error)
            continue
        if intent is not None:
            gone, _ = _settle(eraser, intent, intents)
            swept.destroyed += gone
    return swept


def store_of(eraser: Eraser, name: str) -> Store:
    """One of the eraser's stores. Raises `InputError` for one that is not there."""
    stores: dict[str, Store | None] = {
        "raw": eraser.raw,
        "training": eraser.training,
        "archive": eraser.archive,
        "journal": eraser.journal,
        "audit": eraser.audit,
    }
    store = stores.get(name)
    if store is None:
        raise InputError(f"this deployment has no store {name}")
    return store


def _intents(eraser: Eraser) -> SweepIntents:
    return SweepIntents(eraser.journal, eraser.undertaker.signer.verifier)


def _items(eraser: Eraser, store: Store, decision: Decision, swept: Swept) -> list[Item]:
    """What is to go, in the order of the decision, each with the leaf it will have."""
    ledger = eraser.accounts.current()
    items = []
    for one in decision.due:
        entry = one.entry
        try:
            kind, digest = _own_leaf(store, decision, one, ledger)
        except NotFound:
            continue
        except CredentialsExpired:
            raise
        except StoreError as error:
            swept.left[entry.name] = str(error)
            continue
        items.append(Item(entry.name, entry.version, entry.delete_marker, kind, digest))
    return items


def _own_leaf(store: Store, decision: Decision, one: Dated, ledger: Ledger) -> tuple[str, str]:
    """The kind and digest of the leaf that one version has for itself, or nothing.

    A copy under another name has none: an archived original's labels are signed for its name, and a
    key object says whose it is.
    """
    entry = one.entry
    if entry.delete_marker:
        return "", ""
    if decision.store == "archive":
        return (ARCHIVED, one.sha256) if one.sha256 in ledger.archived else ("", "")
    if decision.store == "training" and entry.name == key_object_name(one.whose):
        data = store.get(entry.name, entry.version).data
        digest = hashlib.sha256(data).hexdigest()
        if digest in ledger.contributor_keys and _says_whose(data) == one.whose:
            return KEY, digest
    return "", ""


def _why_needed(eraser: Eraser, decision: Decision, name: str) -> str:
    whose = owner(decision.store, name)
    if decision.store != "training" or name != key_object_name(whose):
        return ""
    stores = {"raw": eraser.raw, "training": eraser.training}
    if eraser.archive is not None:
        stores["archive"] = eraser.archive
    kept, now = eraser.settings.retention, eraser.now()
    if needed_after_all(stores, decision.rule, kept, whose, now):
        return "something of its contributor's has come since a moment ago"
    return ""


def _says_whose(data: bytes) -> Json:
    try:
        return parse_header(data).context.get("pseudonym")
    except InputError:
        return None


def _by_name(items: Iterable[Item]) -> dict[str, list[Item]]:
    found: dict[str, list[Item]] = {}
    for item in items:
        found.setdefault(item.name, []).append(item)
    return found


def _destroy(store: Store, name: str, versions: Sequence[Item]) -> str:
    """Destroy versions of one name; why one of them is still there, or nothing.

    Delete markers last, and only with all that they hide: what was hidden must not reappear.
    """
    try:
        for item in sorted(versions, key=lambda one: one.delete_marker):
            store.delete(name, item.version)
    except CredentialsExpired:
        raise
    except (StoreError, InputError) as error:
        return str(error)
    return ""


def _settle(eraser: Eraser, intent: SweepIntent, intents: SweepIntents) -> tuple[int, set[str]]:
    """Look what is gone of an intent, log it, take the intent out.

    Returns how many versions are gone, and the names of those that are not. What could not be
    looked at keeps the intent, for the next run to look.
    """
    store, standing, unseen = store_of(eraser, intent.store), set[Item](), False
    own: set[tuple[str, str]] = set()  # leaves that an object has for itself
    for name, items in _by_name(intent.items).items():
        try:
            listed = [one for one in store.versions(name) if one.name == name]
            own |= {
                (one.kind, one.sha256)
                for one in items
                if one.kind and not _may_stand(eraser, store, one, listed)
            }
            left = {one.version for one in listed}
        except CredentialsExpired:
            raise
        except (StoreError, InputError):
            unseen, left = True, {one.version for one in items}
        standing |= {one for one in items if one.version in left}
    gone = [one for one in intent.items if not one.delete_marker and one not in standing]
    others = sum((one.kind, one.sha256) not in own for one in gone)
    leaves = [_leaf(eraser, intent, kind, digest) for kind, digest in own]
    if others and not unseen:
        leaves.append(
            _leaf(
                eraser,
                intent,
                "swept",
                intent.digest,
                rule=intent.rule.value,
                store=intent.store,
                objects=others,
                **_of_the_trail(intent, gone, standing),
            )
        )
    eraser.accounts.append(sorted(leaves, key=lambda leaf: parse_leaf(leaf).digest))
    if not unseen:
        intents.remove(intent)
    return len(gone), {one.name for one in standing}


def _of_the_trail(
    intent: SweepIntent, gone: Iterable[Item], standing: Iterable[Item]
) -> dict[str, Json]:
    """How many records and pages of the audit trail went: an auditor counts what is missing."""
    if intent.store != "audit":
        return {}
    names = {one.name for one in gone} - {one.name for one in standing}
    return {
        "records": sum(name.startswith(READS) for name in names),
        "pages": sum(name.startswith(PAGES) for name in names),
    }


def _may_stand(eraser: Eraser, store: Store, item: Item, listed: Sequence[Entry]) -> bool:
    """Whether any version that is listed under an item's name may be the same bytes."""
    if item.kind == ARCHIVED:
        verifier = eraser.undertaker.signer.verifier
        return may_stand(item.name, item.sha256, listed, store.keeping, verifier)
    for entry in listed:
        if entry.delete_marker:
            continue
        try:
            data = store.get(item.name, entry.version).data
        except NotFound:
            continue
        if hashlib.sha256(data).hexdigest() == item.sha256:
            return True
    return False


def _leaf(eraser: Eraser, intent: SweepIntent, kind: str, digest: str, **more: Json) -> bytes:
    said: dict[str, Json] = {
        "cause": intent.rule.says,
        "media_type": f"object in a {store_of(eraser, intent.store).url.partition('://')[0]} store",
        "sanitization_method": "logical deletion",
        "sanitization_technique": "delete through the store's interface",
        "verification_method": "list of versions through the store's interface",
        "observed": {"versions_listed": 0},
        "not_checked": [*NOT_CHECKED, *_MORE_NOT_CHECKED.get(kind, ())],
        "performed_by": eraser.performed_by,
        "tool": f"unvoiced {__version__}",
    }
    return encode_leaf(kind, digest, eraser.now(), **said, **more)
