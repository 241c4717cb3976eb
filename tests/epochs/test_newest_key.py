"""What contributors seal to, and what becomes of uploads that a key's end overtakes."""

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.epochs.weeks import FIRST, SECOND, THIRD, Life, voice
from tests.ingest.hooked_store import HookedStore
from tests.ingest.killing import killed_at
from unvoiced.announcements import announcement_name
from unvoiced.errors import NotAllowed, StoreError, VerificationError
from unvoiced.keys.intake import IntakeKey
from unvoiced.keys.invitation import Invitation
from unvoiced.log.note import Signer
from unvoiced.sealing import PrivateKey
from unvoiced.stores import Store
from unvoiced.stores.memory import MemoryStore
from unvoiced.upload import (
    Outcome,
    Uploader,
    UploadReceipt,
    came_too_late,
    newest_intake_key,
    receipts_in,
)


@pytest.fixture
def invitation(life: Life) -> Invitation:
    """Of the first week."""
    return life.home.invitation("anna")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A recording of hers."""
    path = tmp_path / "take.wav"
    path.write_bytes(voice(1))
    return path


def newest(life: Life, invitation: Invitation, log: Store | None = None) -> str:
    """The epoch sealed to now."""
    log = log or life.home.store("log")
    return newest_intake_key(invitation, log, life.calendar(), invitation.log_vkey).epoch


def test_an_old_invitation_finds_the_newest_key(life: Life, invitation: Invitation) -> None:
    """Week by week; the coming week's key is passed over until its week has come."""
    for week, epoch in enumerate([FIRST, SECOND, THIRD]):
        life.through(week)
        assert newest(life, invitation) == epoch


def test_a_log_without_announcements_leaves_the_invitations_key(
    life: Life, invitation: Invitation
) -> None:
    """Held back by who writes there, or not copied along: the invitation still works."""
    life.calendar.week(3)
    assert newest(life, invitation, MemoryStore("empty")) == FIRST


def test_no_key_older_than_the_invitations_is_used(life: Life) -> None:
    """Who writes to the log's store can hold newer ones back, and go no further back than this."""
    life.through(1)
    second = life.home.store("log").get(announcement_name(SECOND)).data.decode()
    fields = vars(life.home.invitation("anna")) | {"intake": second}
    old = MemoryStore("old")
    old.put_if_absent(announcement_name(FIRST), life.home.store("log").get(
        announcement_name(FIRST)).data)  # fmt: skip
    assert newest(life, Invitation(**fields), old) == SECOND


@pytest.mark.parametrize("signed_by", ["stranger", "nobody", "another epoch's name"])
def test_nobody_but_the_logs_key_can_say_what_to_seal_to(
    life: Life, invitation: Invitation, signed_by: str
) -> None:
    """A swapped key would receive every recording."""
    life.calendar.week(1)
    mine = IntakeKey(SECOND, PrivateKey.generate().public)
    note = mine.announce(Signer(life.home.verifier.name, Ed25519PrivateKey.generate()))
    if signed_by == "nobody":
        note = note.partition(b"\n\n")[0] + b"\n"
    if signed_by == "another epoch's name":
        note = life.home.store("log").get(announcement_name(FIRST)).data
    life.home.store("log").put_if_absent(announcement_name(SECOND), note)
    assert newest(life, invitation) == FIRST


def test_a_log_key_known_from_elsewhere_is_what_counts(life: Life, invitation: Invitation) -> None:
    """A forged invitation names a log key of its own."""
    life.through(1)
    stranger = Signer("x", Ed25519PrivateKey.generate())
    forged = Invitation(**vars(invitation) | {"log_vkey": stranger.vkey})
    with pytest.raises(VerificationError):
        newest_intake_key(forged, life.home.store("log"), life.calendar())


def uploader(
    life: Life, folder: Path, invitation: Invitation, raw: Store | None = None
) -> Uploader:
    """A contributor's, as the command makes it."""
    log = life.home.store("log")
    return Uploader(
        invitation,
        raw or life.home.store("raw"),
        folder,
        intake=newest_intake_key(invitation, log, life.calendar()),
        again=came_too_late(log, invitation.log_vkey),
    )


def only_create(store: Store) -> Store:
    """The raw store as a grant opens it."""

    def around(operation: str, name: str, proceed: Callable[[], object]) -> object:
        if operation != "put_if_absent":
            raise NotAllowed(f"{name}: AccessDenied")
        return proceed()

    return HookedStore(store, around)


def fail(*_: object) -> object:
    """A store that is away."""
    raise StoreError("away")


@pytest.mark.parametrize("granted", [False, True])
def test_an_upload_interrupted_until_a_newer_key_came_is_sealed_anew(
    life: Life, invitation: Invitation, file: Path, tmp_path: Path, granted: bool
) -> None:
    """What lay in the outbox was sealed to a key that is retired by now."""
    folder, raw = tmp_path / "receipts", life.home.store("raw")
    away = HookedStore(raw, fail)
    with pytest.raises(StoreError):
        uploader(life, folder, invitation, away).upload(file)
    (begun,) = receipts_in(folder)
    life.through(2)
    assert life.retire().retired.keys() == {FIRST}
    store = only_create(raw) if granted else raw
    assert uploader(life, folder, invitation, store).upload(file) is Outcome.UPLOADED
    (receipt,) = receipts_in(folder)
    assert (receipt.sample, receipt.epoch, receipt.replaces) == (begun.sample, THIRD, begun.sha256)
    assert life.home.standing() == {receipt.sha256}
    assert life.home.run().disposed == 1
    assert uploader(life, folder, invitation, store).upload(file) is Outcome.ALREADY


def test_an_upload_that_had_arrived_unheard_keeps_its_digest(
    life: Life, invitation: Invitation, file: Path, tmp_path: Path
) -> None:
    """Interrupted after the object was there: the receipt goes back to the one that stands."""
    folder, raw = tmp_path / "receipts", life.home.store("raw")

    def unheard(operation: str, _: str, proceed: Callable[[], object]) -> object:
        proceed()
        raise StoreError("away")

    with pytest.raises(StoreError):
        uploader(life, folder, invitation, HookedStore(raw, unheard)).upload(file)
    (begun,) = receipts_in(folder)
    life.through(1)
    assert uploader(life, folder, invitation).upload(file) is Outcome.UPLOADED
    (receipt,) = receipts_in(folder)
    assert (receipt.sha256, receipt.uploaded) == (begun.sha256, True)
    assert life.home.standing() == {begun.sha256}


def too_late(life: Life, invitation: Invitation, file: Path, folder: Path) -> UploadReceipt:
    """A recording that arrives after its key was retired: quarantined."""
    late = Uploader(invitation, life.home.store("raw"), folder)
    life.through(2)
    life.retire()
    assert late.upload(file) is Outcome.UPLOADED
    (receipt,) = receipts_in(folder)
    name = f"{receipt.pseudonym}/{receipt.sample}.unv"
    assert life.home.run().quarantined == {name: "retired-intake-key"}
    return receipt


@pytest.mark.inv("INV-5")
@pytest.mark.parametrize("granted", [False, True])
def test_a_recording_that_came_too_late_is_sent_again(
    life: Life, invitation: Invitation, file: Path, tmp_path: Path, granted: bool
) -> None:
    """By the same command, by who may only create, once: the first stays where it is, counted."""
    folder, raw = tmp_path / "receipts", life.home.store("raw")
    first = too_late(life, invitation, file, folder)
    store = only_create(raw) if granted else raw
    assert uploader(life, folder, invitation, store).upload(file) is Outcome.UPLOADED
    receipts = {receipt.sample: receipt for receipt in receipts_in(folder)}
    assert receipts.keys() == {first.sample, f"{first.sample}-2"}
    assert receipts[first.sample] == first
    assert receipts[f"{first.sample}-2"].epoch == THIRD
    report = life.home.run()
    assert (report.disposed, report.quarantined) == (1, {})
    assert len(life.home.features()) == 1
    for _ in range(2):
        assert uploader(life, folder, invitation, store).upload(file) is Outcome.ALREADY
    status = life.home.status()
    assert (status.disposed, status.quarantined, status.adds_up) == (1, 1, True)


def test_where_the_log_cannot_be_read_a_contributor_says_that_it_came_too_late(
    life: Life, invitation: Invitation, file: Path, tmp_path: Path
) -> None:
    """`--again`: whatever was sealed to an earlier key than today's, and nothing else."""
    folder, raw = tmp_path / "receipts", life.home.store("raw")
    first = too_late(life, invitation, file, folder)

    def again() -> Outcome:
        return Uploader(invitation, raw, folder, intake=life.key(), again=lambda _: True).upload(
            file
        )

    assert again() is Outcome.UPLOADED
    assert again() is Outcome.ALREADY
    assert {one.sample for one in receipts_in(folder)} == {first.sample, f"{first.sample}-2"}
    assert life.home.run().disposed == 1


def test_what_was_disposed_of_is_not_sent_again(
    life: Life, invitation: Invitation, file: Path, tmp_path: Path
) -> None:
    """The log knows it, and its key is retired: it became features in time."""
    folder = tmp_path / "receipts"
    assert uploader(life, folder, invitation).upload(file) is Outcome.UPLOADED
    life.home.run()
    life.through(2)
    assert life.retire().retired.keys() == {FIRST}
    assert uploader(life, folder, invitation).upload(file) is Outcome.ALREADY


def test_sending_again_killed_at_any_step_ends_with_one_more_object(
    life: Life, invitation: Invitation, file: Path, tmp_path: Path
) -> None:
    """And a receipt for each; the first receipt never changes."""
    original = tmp_path / "original"
    first = too_late(life, invitation, file, original)
    raw = life.home.store("raw")
    for nth in range(100):
        folder = tmp_path / f"receipts-{nth}"
        folder.mkdir()
        (folder / f"{first.sample}.json").write_bytes(
            (original / f"{first.sample}.json").read_bytes()
        )
        died = killed_at(
            nth, "before", lambda folder=folder: uploader(life, folder, invitation).upload(file)
        )
        outcome = uploader(life, folder, invitation).upload(file)
        assert outcome in {Outcome.UPLOADED, Outcome.ALREADY}
        receipts = {receipt.sample: receipt for receipt in receipts_in(folder)}
        assert receipts.pop(first.sample) == first
        ((sample, again),) = receipts.items()
        assert (sample, again.uploaded) == (f"{first.sample}-2", True)
        assert life.home.standing() == {first.sha256, again.sha256}
        entry = raw.head(f"{first.pseudonym}/{sample}.unv")
        assert entry is not None
        raw.delete(entry.name, entry.version)
        if not died:
            assert nth > 8
            return
    pytest.fail("never got through")
