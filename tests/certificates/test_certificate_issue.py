"""What gets a certificate, what does not and why, and what each says."""

import json
from datetime import UTC, datetime

import pytest

from tests.certificates.logged import (
    BODIES,
    ISSUER,
    SIGNER,
    Logged,
    body_of,
    certify,
    digest,
    paragraph,
    subject,
    whole_life,
)
from unvoiced.certificates.document import Certificate, verify_certificate
from unvoiced.certificates.evidence import Evidence, Statement
from unvoiced.certificates.issue import check_nothing_left_out, gather, issue
from unvoiced.certificates.kept import What
from unvoiced.certificates.subject import Kind, Subject
from unvoiced.disposal import Cause
from unvoiced.epochs.receipt import KeyObservation, RetirementReceipt
from unvoiced.erasure.body import body_of as erasure_body
from unvoiced.erasure.body import erased_leaf
from unvoiced.erasure.record import Erasure, Stage
from unvoiced.errors import InputError, NotDisposed, VerificationError
from unvoiced.keys.vault import Unlock
from unvoiced.log.leaves import parse_leaf
from unvoiced.log.reader import LogReader
from unvoiced.stores.memory import MemoryStore

KINDS = {
    "plain": "intake-key accepted disposed intake-key-retired",
    "twice": "intake-key accepted disposed accepted quarantined released disposed "
    "intake-key-retired",
    "kept": "intake-key accepted disposed",
    "unkept": "intake-key accepted disposed extracted archive-destroyed",
    "fernet": "accepted disposed",
    "copy of unkept": "accepted disposed extracted archive-destroyed",
    "2026-w47": "intake-key intake-key-retired",
    "anna": "contributor-key contributor-key contributor-key-destroyed contributor-key-destroyed "
    "erased",
    "bruno": "contributor-key contributor-key-destroyed erased",
}


@pytest.mark.parametrize("name", KINDS)
def test_a_certificate_holds_and_has_all_that_the_log_says(life: MemoryStore, name: str) -> None:
    """Every leaf about the subject and none about anything else; verified with the key alone."""
    data = certify(life, subject(name)).encode()
    found = verify_certificate(data, SIGNER.verifier)
    assert [one.leaf.kind for one in found.entries] == KINDS[name].split()
    assert found.subject == subject(name)
    assert found.issuer == ISSUER


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("only accepted", "accepted on .* and not disposed of since"),
        ("quarantined", "in quarantine since .* not-audio"),
        ("back again", "accepted on .* and not disposed of since"),
        ("missing", "Nobody here destroyed it"),
        ("never sent", "not accepted, or not yet"),
        ("copy of kept", "still kept"),
        ("copy of nothing", "nothing with this digest was archived"),
        ("2026-w48", "private key is not retired"),
        ("2026-w01", "no intake key of that epoch"),
    ],
)
@pytest.mark.inv("INV-4")
def test_what_was_not_seen_to_be_gone_has_no_certificate(
    life: MemoryStore, name: str, why: str
) -> None:
    """Refused, with the reason."""
    with pytest.raises(NotDisposed, match=why):
        certify(life, subject(name))


@pytest.mark.inv("INV-4")
def test_an_erasure_that_is_not_logged_or_left_a_key_has_no_certificate(life: MemoryStore) -> None:
    """The body alone is words; and each key object it names has to be destroyed by the log."""
    with pytest.raises(NotDisposed, match="no erasure with this body"):
        certify(life, Subject.of_body(body_of("c", [])))
    with pytest.raises(NotDisposed, match="does not say that the erasure"):
        certify(life, Subject.of_body(body_of("c", ["key bruno"])))
    body = body_of("c", ["key carla"])
    log = whole_life()
    log.erase(body)
    with pytest.raises(NotDisposed, match=f"key object {digest('key carla')} was destroyed"):
        certify(log.store(), Subject.of_body(body))


@pytest.mark.parametrize(
    "fields",
    [
        {"format": "unvoiced-erasure/2"},
        {"pseudonym": "Anna"},
        {"observed": {"raw": 1}},
        {"observed": {"raw": False, "training": "0"}},
        {"observed": {}},
        {"observed": None},
        {"not_checked": []},
        {"not_checked": [" "]},
        {"key_objects": ["short"]},
        {"key_objects": None},
        {"pending": None},
        {"destroyed": None},
    ],
)
def test_what_is_no_body_of_a_finished_erasure_is_refused(fields: dict[str, None]) -> None:
    """A body that does not say that nothing was left certifies nothing, logged or not."""
    with pytest.raises(InputError):
        Subject.of_body(body_of("a", [], **fields))


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (Kind.SAMPLE, "0" * 63),
        (Kind.SAMPLE, "0" * 64 + "\n"),
        (Kind.SAMPLE, "G" * 64),
        (Kind.EPOCH, "2026-w47-1"),
        (Kind.EPOCH, "2026-47"),
        (Kind.EPOCH, '2026-w47"'),
        (Kind.CONTRIBUTOR, "0" * 64),
    ],
)
def test_what_cannot_be_meant_is_an_input_error(kind: Kind, name: str) -> None:
    """Before any log is read."""
    with pytest.raises(InputError):
        Subject(kind, name)


def test_the_body_that_an_erasure_writes_gets_its_certificate() -> None:
    """What `unvoiced.erasure` gives out and logs is what is read here."""
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    record = Erasure(
        id="0" * 64,
        pseudonym="a" * 26,
        nonce="1" * 64,
        stages={stage.value: "2026-11-22T11:00:00Z" for stage in (
            Stage.REQUESTED, Stage.KEY_DESTROYED, Stage.BYTES_DELETED)},
        destroyed={"raw": 1},
        key_objects=(digest("key"),),
        as_of=0,
        lifting="2" * 64,
    )  # fmt: skip
    body = erasure_body(record, {"raw": 0}, "eraser", now)
    log = Logged()
    log.say("contributor-key", "key")
    log.gone("contributor-key-destroyed", "key")
    log.leaves.append(erased_leaf(Erasure(**{**vars(record), "body": body}), now))
    found = certify(log.store(), Subject.of_body(json.loads(json.dumps(body))))
    assert "a" * 26 in paragraph(found)


def test_the_leaf_that_a_retirement_writes_gets_its_certificate() -> None:
    """What `unvoiced.epochs` logs of a destroyed intake key is what is read here."""
    log = Logged()
    log.say("intake-key", "2026-w47", epoch="2026-w47")
    receipt = RetirementReceipt(
        digest=digest("2026-w47"),
        epoch="2026-w47",
        observed=KeyObservation(False, 0, 0, log.now()),
        unlock=Unlock(),
        media_type="secret in a file store",
        accepted=12,
        disposed=12,
        performed_by="test",
    )
    log.leaves.append(receipt.leaf())
    text = paragraph(certify(log.store(), subject("2026-w47")))
    assert "12 accepted, 12 disposed of" in text


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("plain", ["it was not listed, its name was free", "by the log, no copy of the sealed"]),
        ("plain", [digest("features plain"), "not anonymous"]),
        ("twice", ["another recording stood under its name", "quarantine", "never ingested"]),
        ("kept", ["Still there: The recording itself", digest("copy of kept"), "22 November 2029"]),
        ("kept", ["sealed to the intake key of 2026-w48", "taken before can be opened with it"]),
        ("unkept", [f"archived original {digest('copy of unkept')} was destroyed"]),
        ("fernet", ["does not say to which key"]),
        ("2026-w47", ["nobody can open anything that was sealed to it", "every copy of the key"]),
        ("anna", ["a" * 26, "2 in raw, 5 in training", "Left: 0 in raw", "only whoever invited"]),
        ("bruno", ["Not done yet: archive: locked until 2029-11-22"]),
        ("copy of unkept", ["no version of it was left"]),
    ],
)
def test_it_says_what_is_proven_and_what_is_not(
    life: MemoryStore, name: str, says: list[str]
) -> None:
    """Under its headings; what was not checked and what is not proven is always in it."""
    text = paragraph(certify(life, subject(name)))
    assert [one for one in says if one not in text] == []
    for always in ("Not checked by the operator: ", "Not proven: That it happened.", "Ada Byron"):
        assert always in text


def test_features_of_a_recording_destroyed_for_its_age_are_not_made_up() -> None:
    """No features, no sentence about kept ones."""
    log = Logged()
    log.accept("old", None)
    log.dispose("old", Cause.BACKLOG_AGE)
    assert "No features of it" in paragraph(certify(log.store(), subject("old")))


def test_not_checked_is_the_union_of_what_all_say(life: MemoryStore) -> None:
    """Of the receipts and of the body, each once."""
    found = certify(life, subject("anna"))
    assert found.not_checked == [
        "backups of contributor-key-destroyed",
        "blocks of the storage device",
        "backups of erased",
        "models that were trained",
    ]


def test_the_fields_say_what_is_not_known(life: MemoryStore) -> None:
    """Nothing is made up: of what the log does not hold, each says so."""
    rows = certify(life, subject("plain")).document()["fields"]
    assert isinstance(rows, list)
    by_field = {str(row["field"]): row for row in rows if isinstance(row, dict)}
    for name in ("manufacturer", "model", "serial number", "name of the person", "validation"):
        assert str(by_field[name]["value"]).startswith(("not recorded", "not applicable"))
        assert by_field[name]["source"] == "not in the log"
    methods = [row for row in rows if isinstance(row, dict) and row["field"] == "media type"]
    assert [str(row["source"]).split(", ")[1] for row in methods] == [
        "disposed",
        "intake-key-retired",
    ]


def test_two_contributors_have_bodies_of_their_own(life: MemoryStore) -> None:
    """Each certificate has its own erasure and keys."""
    anna, bruno = (certify(life, subject(name)) for name in BODIES)
    assert not {one.index for one in anna.entries} & {one.index for one in bruno.entries}


@pytest.mark.inv("INV-4")
@pytest.mark.parametrize(
    "fields",
    [
        {"observed": {"versions": 1}},
        {"observed": {"gone": True}},
        {"observed": {}},
        {"not_checked": []},
        {"cause": ""},
        {"performed_by": None},
    ],
)
def test_a_receipt_that_does_not_show_absence_gets_no_certificate(
    fields: dict[str, None],
) -> None:
    """Also where the log's own key signed it."""
    log = Logged()
    log.say("intake-key", "2026-w47", epoch="2026-w47")
    log.gone("intake-key-retired", "2026-w47", **fields)
    with pytest.raises(VerificationError, match="without the observation"):
        certify(log.store(), subject("2026-w47"))


def test_a_key_that_was_found_missing_is_not_called_destroyed() -> None:
    """Its epoch has no certificate, and a recording's says how the key went."""
    log = Logged()
    log.say("intake-key", "2026-w47", epoch="2026-w47")
    log.accept("plain", "2026-w47")
    log.dispose("plain")
    log.gone("intake-key-retired", "2026-w47", cause="found missing", epoch="2026-w47")
    with pytest.raises(NotDisposed, match="Nobody here destroyed it"):
        certify(log.store(), subject("2026-w47"))
    text = paragraph(certify(log.store(), subject("plain")))
    assert "was found missing, and not destroyed by this pipeline" in text
    assert "can be opened any more" not in text
    first = certify(log.store(), subject("plain")).kept[0]
    assert first.what is What.LOST_KEY


def test_a_key_that_was_gone_with_an_intention_standing_is_called_that() -> None:
    """An intention shows that somebody meant to, and not that they did: certificates say so."""
    log = Logged()
    log.say("intake-key", "2026-w47", epoch="2026-w47")
    log.accept("plain", "2026-w47")
    log.dispose("plain")
    log.gone("intake-key-retired", "2026-w47", cause="epoch over", deletion="intended")
    for name in ("2026-w47", "plain"):
        text = paragraph(certify(log.store(), subject(name)))
        assert "Nobody logged having carried that out. By the log, if it was carried out" in text


@pytest.mark.inv("INV-4")
def test_a_certificate_that_leaves_something_out_does_not_stand_up_to_the_log() -> None:
    """By itself it holds: that the recording was accepted again shows in the log alone."""
    log = Logged()
    log.say("intake-key", "2026-w48", epoch="2026-w48")
    log.accept("plain", "2026-w48")
    log.dispose("plain")
    early, about = log.store(), subject("plain")
    whole = certify(early, about)
    check_nothing_left_out(whole, LogReader(early, SIGNER.verifier, remembered=whole.checkpoint))
    log.accept("plain", "2026-w48")
    store = log.store()
    reader = LogReader(store, SIGNER.verifier)
    leaves = list(gather(about, reader).items())[:-1]
    statements = [Statement(index, data, tuple(reader.proof(index).hashes)) for index, data in
                  leaves]  # fmt: skip
    short = Certificate.of(about, Evidence(tuple(statements), reader.note), ISSUER, SIGNER.verifier)
    assert verify_certificate(short.encode(), SIGNER.verifier).checkpoint.size == 4
    with pytest.raises(VerificationError, match="leaves out entry 3"):
        check_nothing_left_out(short, reader)
    with pytest.raises(VerificationError, match="has said since"):
        check_nothing_left_out(whole, reader)
    log.dispose("plain")
    check_nothing_left_out(whole, LogReader(log.store(), SIGNER.verifier))


def test_a_log_that_was_rolled_back_does_not_vouch_for_a_certificate() -> None:
    """It would hide what was logged since."""
    log = Logged()
    log.accept("plain", None)
    early = log.store()
    log.dispose("plain")
    whole = certify(log.store(), subject("plain"))
    with pytest.raises(VerificationError):
        check_nothing_left_out(
            whole, LogReader(early, SIGNER.verifier, remembered=whole.checkpoint)
        )


def test_two_keys_under_one_epochs_name_are_both_to_be_retired() -> None:
    """An epoch is retired when nothing sealed to any key of its name opens."""
    log = Logged()
    for key in ("first", "second"):
        log.say("intake-key", key, epoch="2026-w47")
    log.gone("intake-key-retired", "first")
    with pytest.raises(NotDisposed, match="not retired"):
        certify(log.store(), subject("2026-w47"))
    log.gone("intake-key-retired", "second")
    assert len(certify(log.store(), subject("2026-w47")).entries) == 4


def test_a_long_log_is_searched_by_text_and_only_what_fits_is_parsed() -> None:
    """Gathering finds the same leaves as looking at every single one would."""
    log = whole_life()
    for number in range(2000):
        log.accept(f"other {number}", "2026-w47")
        log.dispose(f"other {number}")
    reader = LogReader(log.store(), SIGNER.verifier)
    found = gather(subject("unkept"), reader)
    assert [parse_leaf(data).kind for data in found.values()] == KINDS["unkept"].split()
    assert issue(subject("unkept"), reader, SIGNER.verifier, ISSUER).checkpoint.size > 4000
