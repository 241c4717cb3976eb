"""What each role is for, done with its credentials alone: the table leaves nothing out.

Every request that is made is also held against the role's policy as Amazon gets it, with the
conditions on puts that the server here does not know: what would be refused there is listed.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.access.conftest import Account
from tests.access.office import Office
from tests.features.recordings import encoded, noise
from tests.ingest.dying import Died, dies
from tests.ingest.hooked_store import HookedStore, once
from tests.servers.seaweed import Credentials
from unvoiced.access.policies import grant_policy
from unvoiced.access.roles import Role
from unvoiced.announcements import current_announcement
from unvoiced.audit import AuditTrail, Purpose, Read
from unvoiced.disposal import Quarantine
from unvoiced.ingest.batch import ingest_batch
from unvoiced.ingest.interrupted import finish_interrupted
from unvoiced.ingest.status import take_status
from unvoiced.keys.pseudonyms import pseudonym
from unvoiced.log.leaves import encode_leaf
from unvoiced.log.verify import verify_log
from unvoiced.log.writer import LogWriter
from unvoiced.reader import FeatureReader, describe, feature_names, no_quota
from unvoiced.sealing import PrivateKey
from unvoiced.upload import Outcome, Uploader

pytestmark = pytest.mark.server

SignIn = Callable[[Role], Credentials]


@pytest.fixture
def office(account: Account, tmp_path: Path) -> Office:
    """A new deployment in the account's buckets."""
    return Office.open(account, tmp_path / "home")


def voice(seed: int) -> bytes:
    """A tenth of a second of noise."""
    return encoded(noise(1600, seed))


def test_a_contributor_uploads(office: Office, tmp_path: Path) -> None:
    """With a grant; the same recording twice is one, also where its receipt is gone."""
    invitation = office.founder.invitation("anna")
    policy = grant_policy(invitation.pseudonym, office.account.estate)
    anna = office.hire(Role.UPLOADER, policy=policy)
    file = tmp_path / "voice.wav"
    file.write_bytes(voice(1))

    def upload(receipts: str) -> Outcome:
        return Uploader(invitation, anna.store("raw"), tmp_path / receipts).upload(file)

    assert upload("receipts") is Outcome.UPLOADED
    assert anna.would_be_refused_at_amazon() == []
    assert [upload("receipts"), upload("elsewhere")] == [Outcome.ALREADY, Outcome.UPLOADED]
    (standing,) = office.administrator().store("raw").versions()
    assert standing.name.startswith(invitation.pseudonym)


def test_an_ingest_worker_ingests(office: Office) -> None:
    """Features stand, recordings are gone, what is no audio is in quarantine; and then again."""
    admin, worker = office.administrator(), office.hire(Role.WORKER)
    sent = [admin.send(who, voice(n)) for n, who in enumerate(["anna", "bruno", "anna"])]
    broken = admin.send("bruno", b"no audio")
    admin.store("training").put_if_absent(sent[0].feature_name, b"planted by somebody")

    report = worker.run()

    assert (report.disposed, report.left) == (3, {})
    assert report.quarantined == {broken.name: "not-audio"}
    assert admin.features().keys() == {one.feature_name for one in sent}
    assert [entry.name for entry in admin.store("raw").versions()] == [broken.name]
    assert worker.run().recordings == 0
    assert worker.status().adds_up
    assert worker.would_be_refused_at_amazon() == []


def test_an_ingest_worker_finishes_what_another_left(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes its own rights and no others to take over from one that died before disposing."""
    admin, worker = office.administrator(), office.hire(Role.WORKER)
    sent = admin.send("anna", voice(1))
    bench = worker.bench()
    with monkeypatch.context() as patch:
        patch.setattr("unvoiced.ingest.portion.settle", _die)
        (batch,) = worker.plan(bench).batches
        with pytest.raises(KeyboardInterrupt):
            ingest_batch(bench, batch)
    assert sent.sha256 in admin.journalled()

    finish_interrupted(office.hire(Role.WORKER).bench())

    assert list(admin.store("raw").versions()) == []
    assert admin.journalled() == set()
    assert worker.would_be_refused_at_amazon() == []


def _die(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("role", [Role.WORKER, Role.ERASER])
def test_who_appends_fills_tiles(office: Office, role: Role) -> None:
    """Partial tiles go once they are full, which is all of the log that one may destroy."""
    admin, person = office.administrator(), office.hire(role)
    log = person.settings.log_reader()
    signer = person.settings.signer(person.settings.vault("worker"))
    accounts = LogWriter(person.store("log"), signer)
    for start in (0, 200):
        leaves = [
            encode_leaf("accepted", f"{n:064x}", person.clock(), size=1, version="1")
            for n in range(start, start + 200)
        ]
        accounts.append(lambda _, leaves=leaves: leaves)
    size = log.checkpoint().size
    assert size > 400
    names = {entry.name for entry in admin.store("log").list()}
    partial = {name for name in names if ".p/" in name}
    assert {"tile/0/000", "tile/entries/000", "tile/0/001"} & names == {
        "tile/0/000",
        "tile/entries/000",
    }
    assert all(name.partition(".p/")[0] not in names for name in partial)
    assert not any(name.startswith("pending/append/") for name in names)
    assert person.would_be_refused_at_amazon() == []


def test_a_data_scientist_reads_features(office: Office, sign_in: SignIn) -> None:
    """With the reader, which opens them after a record of it stands in the audit trail."""
    admin = office.administrator()
    admin.send("anna", voice(1))
    admin.run()
    scientist = office.seat(Role.DATA_SCIENTIST, sign_in(Role.DATA_SCIENTIST))
    (listed,) = feature_names(scientist.store("training"))
    feature = describe(scientist.store("training"), listed.name)
    assert feature is not None
    key = PrivateKey(scientist.settings.vault("dataset").get("dataset/dataset"))
    trail = AuditTrail(scientist.store("audit"), "run")
    reader = FeatureReader(
        scientist.store("training"),
        scientist.settings.log_reader(),
        key,
        trail,
        Purpose.TRAINING,
        no_quota,
    )

    arrays = reader.read(feature)

    assert "log_mel" in arrays
    assert len(list(admin.store("audit").list())) == 1
    assert scientist.would_be_refused_at_amazon() == []


def test_an_auditor_verifies_and_looks(office: Office, sign_in: SignIn) -> None:
    """The log holds, recordings are not there, quarantine has its reasons, reads are on record."""
    admin = office.administrator()
    admin.send("anna", voice(1))
    broken = admin.send("bruno", b"no audio")
    admin.run()
    scientist = office.seat(Role.DATA_SCIENTIST, sign_in(Role.DATA_SCIENTIST))
    read = Read("features/x", "0" * 64, "1" * 64, 5)
    AuditTrail(scientist.store("audit"), "run").record([read], Purpose.TRAINING)
    auditor = office.hire(Role.AUDITOR)

    verified = verify_log(auditor.store("log"), auditor.verifier)

    assert (verified.ledger.accepted, verified.ledger.disposed) == (2, 1)
    assert [entry.name for entry in auditor.store("raw").versions()] == [broken.name]
    quarantine = Quarantine(auditor.store("journal"), auditor.verifier)
    assert [one.reason for one in quarantine.records()] == ["not-audio"]
    (record,) = auditor.store("audit").list()
    assert b"training" in auditor.store("audit").get(record.name).data
    assert len(list(auditor.store("training").versions())) > 1
    assert list(auditor.settings.vault("worker").names("intake"))
    assert auditor.would_be_refused_at_amazon() == []


def test_an_auditor_counts(office: Office) -> None:
    """The conservation count holds with the auditor's rights, with a recording still to come."""
    admin = office.administrator()
    admin.send("anna", voice(1))
    admin.send("bruno", b"no audio")
    admin.run()
    admin.send("anna", voice(2))
    auditor = office.hire(Role.AUDITOR)

    status = take_status(auditor.settings)

    assert status.adds_up
    assert (status.disposed, status.quarantined, status.not_accepted) == (1, 1, 1)
    assert auditor.would_be_refused_at_amazon() == []


def test_an_auditor_does_not_take_for_missing_what_it_may_not_read(office: Office) -> None:
    """A recording that a run accepted, and died; only who reads raw can say that it stands."""
    admin = office.administrator()
    admin.send("anna", voice(1))

    def die() -> None:
        raise Died

    training = HookedStore(admin.store("training"), once("put_if_absent", "keys/", die))
    shelf = {**admin.settings.shelf, "training": training}
    dying = replace(admin, settings=replace(admin.settings, shelf=shelf))
    assert dies(dying.run)
    status = take_status(office.hire(Role.AUDITOR).settings)
    assert (status.accepted, status.backlog, status.waiting) == (1, 1, 0)
    assert status.may_be_unread
    assert not status.adds_up
    assert take_status(admin.settings).adds_up


def test_an_inviter_invites(office: Office) -> None:
    """It reads the announced intake key, and the key that pseudonyms are made with."""
    inviter = office.hire(Role.INVITER)
    assert current_announcement(inviter.settings) == office.founder.invitation("anna").intake
    key = inviter.settings.vault("inviter").get("pseudonym/key")
    assert pseudonym(key, "anna") == office.founder.invitation("anna").pseudonym
    assert inviter.would_be_refused_at_amazon() == []


def test_an_eraser_erases(office: Office) -> None:
    """Every version of everything of one person, nothing of another's, and a signed leaf of it."""
    admin = office.administrator()
    admin.send("anna", voice(1))
    kept = admin.send("bruno", voice(2))
    admin.run()
    again = admin.send("anna", voice(3))
    whose = again.pseudonym
    assert admin.store("raw").delete(again.name, again.version) is None
    admin.put(again.name, again.sealed)
    eraser = office.hire(Role.ERASER)

    erased = Counter[str]()
    for name in ("raw", "training", "journal"):
        store = eraser.store(name)  # type: ignore[arg-type]
        for entry in list(store.versions()):
            if whose in entry.name:
                store.delete(entry.name, entry.version)
                erased[name] += 1
    signer = eraser.settings.signer(eraser.settings.vault("worker"))
    leaf = encode_leaf("erased", "0" * 64, eraser.clock())
    LogWriter(eraser.store("log"), signer).append(lambda _: [leaf])

    assert erased == {"raw": 1, "training": 2}
    left = {entry.name for name in ("raw", "training") for entry in admin.store(name).versions()}
    assert not any(whose in name for name in left)
    assert kept.feature_name in left
    assert leaf in list(admin.settings.log_reader().entries())
    assert eraser.would_be_refused_at_amazon() == []
