"""What has to hold: at every moment, and once a run is through."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from tests.ingest.home import STORES, Home, Sent, expected, same
from unvoiced.keys.pseudonyms import content_tag
from unvoiced.log.note import Checkpoint
from unvoiced.log.verify import verify_log
from unvoiced.stores.file import FileStore

Features = Mapping[str, Mapping[str, np.ndarray]]


def accounted_for(
    home: Home, sent: Sequence[Sent], remembered: Checkpoint | None = None
) -> Checkpoint:
    """At this moment, whoever was killed just before, nothing is lost and nothing is forged.

    INV-5 the counts add up; INV-7 the log extends the one remembered; INV-3 what is gone from the
    raw store has features that open and are right, and a receipt or a page of the journal.
    """
    status = home.status()
    assert status.adds_up, status
    checkpoint = verify_log(home.store("log"), home.verifier, remembered).checkpoint
    standing = home.standing()
    gone = [recording for recording in sent if recording.sha256 not in standing]
    covered = home.journalled() | {leaf.digest for leaf in home.leaves("disposed")}
    features = home.features() if gone else {}
    for recording in gone:
        assert recording.sha256 in covered
        assert feature_name(home, features, recording)
    return checkpoint


def finished(home: Home, sent: Sequence[Sent], quarantined: Collection[Sent] = ()) -> None:
    """Every recording is disposed of or quarantined, once, and its features are there, once.

    INV-5 the counts; INV-6 one feature object a sample, which opens and equals the extraction.
    """
    held = {recording.sha256 for recording in quarantined}
    disposed = [recording for recording in sent if recording.sha256 not in held]
    assert home.standing() == held
    receipts = Counter(leaf.digest for leaf in home.leaves("disposed"))
    assert receipts == Counter({recording.sha256: 1 for recording in disposed})
    status = home.status()
    assert status.adds_up, status
    assert (status.accepted, status.disposed) == (len(sent), len(disposed))
    assert (status.quarantined, status.backlog) == (len(held), 0)
    features = home.features()
    found = {(one.name, one.data): feature_name(home, features, one) for one in disposed}
    assert sorted(found.values()) == sorted(features)
    assert home.journalled() == set()


def feature_name(home: Home, features: Features, recording: Sent) -> str:
    """Where this recording's features stand: under its name, or apart from another one's there.

    Fails where they do not stand, or are not the original's to the last bit.
    """
    tag = content_tag(home.settings.vault("worker").get("content/tag"), recording.data)
    plain = recording.feature_name
    apart = f"{plain.removesuffix('.unv')}-{tag[:8]}.unv"
    wanted = expected(recording.data)
    found = [name for name in (plain, apart) if name in features and same(features[name], wanted)]
    assert len(found) == 1, f"{len(found)} feature objects of {recording.name}"
    return found[0]


def leaves_no_temporary_files(home: Home) -> None:
    """A dead writer's files go with the next process's first write, so each store is given one."""
    for name in STORES:
        store = home.store(name)
        assert isinstance(store, FileStore)
        store.put_if_absent("probe/first-write", b"")
        staged = home.settings.folder / "stores" / name / ".tmp"
        assert list(staged.iterdir()) == []
