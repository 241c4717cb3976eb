"""Intake keys: which week they are of, and the statement that contributors rely on."""

import base64
from datetime import UTC, datetime, timedelta, timezone

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from unvoiced.errors import VerificationError
from unvoiced.keys.intake import IntakeKey, epoch_of, intake_digest
from unvoiced.log.merkle import EMPTY_ROOT
from unvoiced.log.note import Checkpoint, Signer
from unvoiced.log.pending import Head
from unvoiced.sealing import PrivateKey

EPOCH = "2026-w47"


@pytest.mark.parametrize(
    ("day", "epoch"),
    [
        ((2024, 12, 29), "2024-w52"),
        ((2024, 12, 30), "2025-w01"),
        ((2026, 1, 1), "2026-w01"),
        ((2026, 11, 22), "2026-w47"),
        ((2026, 12, 27), "2026-w52"),
        ((2026, 12, 28), "2026-w53"),
        ((2026, 12, 31), "2026-w53"),
        ((2027, 1, 1), "2026-w53"),
        ((2027, 1, 3), "2026-w53"),
        ((2027, 1, 4), "2027-w01"),
    ],
)
def test_an_epoch_is_an_iso_week(day: tuple[int, int, int], epoch: str) -> None:
    """From Monday 00:00 to Sunday 23:59, under the year its Thursday lies in."""
    start = datetime(*day, tzinfo=UTC)
    assert epoch_of(start) == epoch_of(start + timedelta(days=1, microseconds=-1)) == epoch


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)), st.integers(0, 15))
def test_epochs_sort_as_time_does(moment: datetime, days: int) -> None:
    """A later moment is never in an earlier epoch, and eight days on it is a later one."""
    first, later = (epoch_of((moment + timedelta(days=d)).replace(tzinfo=UTC)) for d in (0, days))
    assert first <= later
    assert (first < later) >= (days >= 7)


def test_an_epoch_does_not_depend_on_where_the_clock_hangs() -> None:
    """One moment is in one epoch, whatever time zone it was read in."""
    moment = datetime(2027, 1, 4, 3, 0, tzinfo=UTC)
    for hours in (-11, -4, 0, 14):
        assert epoch_of(moment.astimezone(timezone(timedelta(hours=hours)))) == "2027-w01"


def test_an_announcement_reads_back(signer: Signer, intake: PrivateKey) -> None:
    """Epoch and public key as they were announced."""
    announced = IntakeKey(EPOCH, intake.public)
    assert IntakeKey.from_announcement(announced.announce(signer), signer.verifier) == announced


def test_an_intake_keys_digest_is_of_its_raw_bytes(intake: PrivateKey) -> None:
    """The log knows it by SHA-256, of which the key id is the first half."""
    assert intake_digest(intake.public)[:32] == intake.public.key_id.hex()
    assert len(intake_digest(intake.public)) == 64


def test_no_byte_of_an_announcement_can_change(signer: Signer, intake: PrivateKey) -> None:
    """Title, epoch, key and signature: who swaps the key receives no recordings."""
    note = IntakeKey(EPOCH, intake.public).announce(signer)
    for at in range(len(note)):
        changed = bytearray(note)
        changed[at] ^= 1 << at % 8
        with pytest.raises(VerificationError):
            IntakeKey.from_announcement(bytes(changed), signer.verifier)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_announce_nothing(data: bytes) -> None:
    """Also in front of and behind a good statement's signature."""
    signer = Signer("unvoiced.example/log", Ed25519PrivateKey.from_private_bytes(bytes(32)))
    note = signer.sign("unvoiced intake key v1\n2026-w47\nAAAA\n")
    for each in (data, data + note, note + data):
        with pytest.raises(VerificationError):
            IntakeKey.from_announcement(each, signer.verifier)


def test_another_signers_announcement_is_refused(
    signer: Signer, stranger: Signer, intake: PrivateKey
) -> None:
    """Also where the signer goes by the log's name."""
    note = IntakeKey(EPOCH, intake.public).announce(stranger)
    with pytest.raises(VerificationError, match="no signature by a known key"):
        IntakeKey.from_announcement(note, signer.verifier)


def test_a_checkpoint_is_no_announcement(signer: Signer) -> None:
    """Both are three lines under the same signature; the first line tells them apart."""
    for text in (
        Checkpoint(signer.name, 0, EMPTY_ROOT).text(),
        Checkpoint(signer.name, 5, bytes(range(32))).text(),
    ):
        with pytest.raises(VerificationError, match="does not announce an intake key"):
            IntakeKey.from_announcement(signer.sign(text), signer.verifier)


def test_a_pending_head_is_no_announcement(signer: Signer) -> None:
    """The third kind of statement that the log's key signs."""
    empty = Checkpoint(signer.name, 0, EMPTY_ROOT)
    note = Head(empty, empty, "ab" * 16).sign(signer)
    with pytest.raises(VerificationError, match="does not announce an intake key"):
        IntakeKey.from_announcement(note, signer.verifier)


@pytest.mark.parametrize("epoch", [EPOCH, "5", "0"])
def test_an_announcement_is_no_checkpoint(epoch: str, signer: Signer, intake: PrivateKey) -> None:
    """Not even one whose epoch reads like the size of a log."""
    note = IntakeKey(epoch, intake.public).announce(signer)
    with pytest.raises(VerificationError):
        Checkpoint.open(note, signer.verifier)


@pytest.mark.parametrize(
    "key", ["", "AAAA", "not base64", base64.b64encode(b"\xff" * 1216).decode(), "é"]
)
def test_a_signed_statement_with_a_bad_key_is_refused(key: str, signer: Signer) -> None:
    """A slip of who signs is not sealed to either; the message does not repeat it."""
    note = signer.sign(f"unvoiced intake key v1\n{EPOCH}\n{key}\n")
    with pytest.raises(VerificationError, match=r"^the announced intake key is damaged$") as caught:
        IntakeKey.from_announcement(note, signer.verifier)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    "text",
    [
        "unvoiced intake key v2\n{epoch}\n{key}\n",
        "unvoiced intake key v1\n{key}\n",
        "unvoiced intake key v1\n{epoch}\n{key}\nmore\n",
        "unvoiced intake key v1\n{epoch}\n{key}\n\n",
        "\nunvoiced intake key v1\n{epoch}\n{key}\n",
    ],
)
def test_a_statement_of_another_form_is_refused(
    text: str, signer: Signer, intake: PrivateKey
) -> None:
    """Other versions, missing lines and extension lines are not guessed at."""
    key = base64.b64encode(intake.public.raw).decode()
    with pytest.raises(VerificationError, match="does not announce an intake key"):
        IntakeKey.from_announcement(signer.sign(text.format(epoch=EPOCH, key=key)), signer.verifier)
