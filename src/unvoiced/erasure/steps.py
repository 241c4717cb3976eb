"""The steps that destroy: key, features, recordings, archived originals. Each may be run again.

INV-10 the key goes first, and is in the log as destroyed before the first feature object goes.

- What is about to lose its last version has its digest written down first, so that a crash leaves
  nothing destroyed without its leaf.
- A digest is believed only of bytes that were read under the contributor's own name, and of a key
  object only if its header, which the log's digest covers, names the contributor too: a copy of
  somebody else's object put there gets nobody else's key called destroyed. That of an archived
  original is the label that the log's key signed for its name, and it is called destroyed only when
  nothing is left that may be the same bytes.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from functools import partial

from unvoiced.disposal import Cause, Sweep, Target, sweep
from unvoiced.disposal.labels import genuine_labels
from unvoiced.erasure.body import gone_leaf
from unvoiced.erasure.record import Erasure, Stage
from unvoiced.erasure.work import Work
from unvoiced.errors import CredentialsExpired, InputError, NotFound, StoreError
from unvoiced.keys.contributor import key_context, key_object_name
from unvoiced.log.acceptance import accepted_leaf, intake_key_of
from unvoiced.sealing import agrees, parse_header
from unvoiced.stores import Entry, Keeping, Store

Place = tuple[str, str]  # object name and version

_MOST = 1000  # digests in a record at once: far below what a signed note may hold
_ROUNDS = 8  # somebody who makes keys as fast as they are destroyed is no erasure's to outrun


def destroy_key(work: Work) -> bool:
    """Destroy every version of the contributor's key object, and log it; whether that is done."""
    training = work.eraser.training
    # Their own object, and whatever was put beside it under its name.
    prefix = key_object_name(work.pseudonym)
    for _ in range(_ROUNDS):
        standing = [one for one in training.versions(prefix) if not one.delete_marker]
        genuine = {digest for one in standing if (digest := _genuine_key(work, training, one))}
        work.change(partial(_with_keys, digests=genuine))
        if not work.sweep("training", training, prefix):
            return False
        if any(_readable(training, one) for one in standing):
            work.pending("training: a version of the key object can still be read")
            return False
        if not list(training.versions(prefix)):
            break
    else:
        work.pending("training: somebody keeps putting their key object back")
        return False
    _log(work, "contributor-key-destroyed", work.record.key_objects, training)
    work.reach(Stage.KEY_DESTROYED)
    return True


def destroy_features(work: Work) -> None:
    """Destroy every version of their features, in every feature set there is or was."""
    training = work.eraser.training
    for feature_set in list(training.folders("features/")):
        work.sweep("training", training, f"features/{feature_set}/{work.pseudonym}/")


def destroy_recordings(work: Work) -> None:
    """Accept what no run has seen yet, then dispose of all that is theirs, with receipts."""
    raw, eraser = work.eraser.raw, work.eraser
    folder = f"{work.pseudonym}/"
    work.unless_held()
    ledger = work.ledger
    as_of = ledger.size
    found: dict[Place, str] = {}  # -> digest
    keys: dict[str, str | None] = {}  # digest -> that of the intake key
    unread: set[Place] = set()
    for entry in [one for one in raw.versions(folder) if not one.delete_marker]:
        place = (entry.name, entry.version)
        if entry.size > eraser.settings.ingest.max_recording_bytes:
            unread.add(place)
            continue
        try:
            data = raw.get(*place).data
        except NotFound:
            continue
        except CredentialsExpired:
            raise
        except (StoreError, InputError) as error:
            work.pending(f"raw: {str(error).replace(entry.name, 'an object')}")
            continue
        found[place] = digest = hashlib.sha256(data).hexdigest()
        keys[digest] = intake_key_of(data, ledger)
    eraser.accounts.append(
        [accepted_leaf(digest, keys[digest], eraser.now()) for digest in sorted(keys)],
        as_of=as_of,
    )
    ledger = work.ledger
    ours = [
        Target(*place, digest) for place, digest in found.items() if ledger.is_unsettled(digest)
    ]
    outcome = eraser.undertaker.dispose(ours, Cause.ERASURE)
    for name, why in outcome.left.items():
        work.pending(f"raw: {why.replace(name, 'a recording')}")
    # What another run has disposed of, and what was never to be read: it has, or needs, no receipt.
    rest = unread | (found.keys() - {(one.name, one.version) for one in ours})
    work.unless_held()
    done = sweep(raw, folder, lambda one: one.delete_marker or (one.name, one.version) in rest)
    work.leave("raw", done)
    work.count("raw", outcome.disposed + done.destroyed)


def destroy_archived(work: Work) -> None:
    """Destroy every version of their archived originals that no lock is on, and log each."""
    archive = work.eraser.archive
    if archive is None:
        return
    folder, now = f"{work.pseudonym}/", work.eraser.now()
    standing: dict[Place, Keeping] = {}
    for entry in archive.versions(folder):
        place = (entry.name, entry.version)
        if not entry.delete_marker and (kept := archive.keeping(*place)) is not None:
            standing[place] = kept
    verifier = work.eraser.undertaker.signer.verifier
    labels = {
        place: genuine.sha256
        for place, kept in standing.items()
        if (genuine := genuine_labels(place[0], kept, verifier)) is not None
    }
    _log_archived(work, archive, labels)  # what a run that is no more has destroyed
    locked = {
        place[0]: kept.retain_until
        for place, kept in standing.items()
        if kept.legal_hold or (kept.retain_until is not None and kept.retain_until > now)
    }
    free = [place for place in standing if place[0] not in locked]
    for start in range(0, len(free), _MOST):
        some = set(free[start : start + _MOST])
        digests = {labels[place] for place in some & labels.keys()} & work.ledger.archived
        work.change(partial(_with_archived, digests=digests))
        _sweep_places(work, archive, some)
        _log_archived(work, archive, labels)
    work.unless_held()
    work.leave("archive", sweep(archive, folder, lambda one: one.delete_marker))
    work.leave("archive", Sweep(left=dict.fromkeys(locked, "locked"), locked_until=locked))


def _sweep_places(work: Work, archive: Store, places: Collection[Place]) -> None:
    work.unless_held()
    folder = f"{work.pseudonym}/"
    done = sweep(archive, folder, lambda one: (one.name, one.version) in places)
    work.count("archive", done.destroyed)
    work.leave("archive", done)


def _log_archived(work: Work, archive: Store, labels: Mapping[Place, str]) -> None:
    """Log those of the record of which nothing listed may be a version, and cross them out.

    What bears no genuine label may be any that ever stood under its name; where this run did not
    see which name that was, under any.
    """
    if not work.record.archived:
        return
    listed = {
        (one.name, one.version)
        for one in archive.versions(f"{work.pseudonym}/")
        if not one.delete_marker
    }
    unknown = {name for name, _ in listed - labels.keys()}
    names = {digest: name for (name, _), digest in labels.items()}
    may_stand = {digest for place, digest in labels.items() if place in listed}
    may_stand |= {one for one in work.record.archived if names.get(one) in unknown}
    if unknown:
        may_stand |= set(work.record.archived) - names.keys()
    gone = set(work.record.archived) - may_stand
    _log(work, "archive-destroyed", gone, archive)
    work.change(partial(_without_archived, digests=gone))


def _with_keys(record: Erasure, digests: Collection[str]) -> Erasure:
    return replace(record, key_objects=tuple(sorted({*record.key_objects, *digests})))


def _with_archived(record: Erasure, digests: Collection[str]) -> Erasure:
    return replace(record, archived=tuple(sorted({*record.archived, *digests})))


def _without_archived(record: Erasure, digests: Collection[str]) -> Erasure:
    return replace(record, archived=tuple(one for one in record.archived if one not in digests))


def _log(work: Work, kind: str, digests: Iterable[str], store: Store) -> None:
    eraser = work.eraser
    media = f"object in a {store.url.partition('://')[0]} store"
    leaves = [
        gone_leaf(kind, digest, media, eraser.performed_by, eraser.now())
        for digest in sorted(digests)
    ]
    eraser.accounts.append(leaves)  # those that are logged already are left out


def _genuine_key(work: Work, training: Store, entry: Entry) -> str | None:
    """The digest of a key object that the log knows and that is this contributor's."""
    try:
        data = training.get(entry.name, entry.version).data
        context = parse_header(data).context
    except (NotFound, InputError):
        return None
    digest, ledger = hashlib.sha256(data).hexdigest(), work.ledger
    known = digest in ledger.contributor_keys or digest in ledger.destroyed_contributor_keys
    return digest if known and agrees(context, key_context(work.pseudonym)) else None


def _readable(store: Store, entry: Entry) -> bool:
    """Listings may omit a version; asking for it by name does not."""
    try:
        store.get(entry.name, entry.version)
    except NotFound:
        return False
    return True
