"""Signed reviews as they are kept: what holds, and every way to tamper with one."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.ingest.home import Home
from unvoiced.audit.reviews import (
    SignedReview,
    kept_reviews,
    last_review,
    new_review,
    open_review,
    record_review,
    sign_review,
)
from unvoiced.errors import InputError, StoreError, VerificationError
from unvoiced.log.leaves import encode_leaf
from unvoiced.log.note import Signer
from unvoiced.posture.look import take_posture
from unvoiced.review.take import last, sign_and_record, take_review


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A new deployment."""
    return Home.create(tmp_path / "deployment")


def sign(home: Home, note: str = "") -> SignedReview:
    """A review of it as it is."""
    now = home.clock()
    return sign_and_record(home.settings, take_review(home.settings, now), now, note=note)


def newest(home: Home) -> SignedReview | None:
    """The review that counts."""
    return last_review(home.store("audit"), home.settings.log_reader(), home.verifier, home.clock())


def test_a_signed_review_is_kept_logged_and_shown_by_posture(home: Home) -> None:
    """The file opens under the log's key, the log has its digest, posture says when and who."""
    assert last(home.settings, home.clock()) is None
    signed = sign(home, "all is well")

    opened = open_review(home.store("audit").get(signed.name).data, home.verifier)
    assert (opened.review, opened.report) == (signed.review, signed.report)
    assert opened.review.note == "all is well"
    assert [leaf.digest for leaf in home.leaves("reviewed")] == [signed.digest]
    report = take_posture(home.settings, home.clock())
    assert "review-due" not in {one.name for one in report.findings}
    assert report.notes == (
        f"access was last reviewed on 2026-11-23 by {signed.review.reviewer}; next due on "
        "2027-02-21",
    )
    home.clock.forward(91)
    late = take_posture(home.settings, home.clock())
    (due,) = (one for one in late.findings if one.name == "review-due")
    assert "91 days old" in due.what
    assert due.fix == f"unvoiced review --config {home.settings.path}", "a person looks first"


def test_the_leaf_says_nothing_but_a_digest(home: Home) -> None:
    """Neither who reviewed nor how much was found goes into a log that cannot be erased."""
    sign(home)
    (leaf,) = home.leaves("reviewed")
    assert leaf.fields.keys() == {"kind", "sha256", "time"}


@pytest.mark.parametrize(
    "change",
    [
        lambda file: file["report"].update(findings=[]),
        lambda file: file["report"].update(more=1),
        lambda file: file["review"].update(reviewer="arn:aws:iam::111122223333:user/anna"),
        lambda file: file["review"].update(time="2030-01-01T00:00:00Z"),
        lambda file: file["review"].update(as_of=0),
        lambda file: file["review"].update(findings=0),
        lambda file: file["review"].update(note="approved"),
        lambda file: file["review"].update(kept={"0123456789": "fine"}),
        lambda file: file["review"].update(report="0" * 64),
        lambda file: file["review"].pop("note"),
        lambda file: file["review"].update(extra="x"),
        lambda file: file.update(format="unvoiced-signed-review/2"),
        lambda file: file.update(extra="x"),
        lambda file: file.update(signature=file["signature"][:-8] + "AAAAAAA="),
        lambda file: file.update(signature=""),
        lambda file: file.update(review=[]),
    ],
)
def test_no_part_of_a_review_can_be_changed(home: Home, change: Any) -> None:
    """A report, a name, a day, a word: the signature, or the shape, does not hold then."""
    (home.settings.folder / "keys" / "worker.kek.old").write_bytes(b"?" * 32)
    signed = sign(home)
    assert signed.review.findings == 1
    file = json.loads(signed.data)
    change(file)
    with pytest.raises(VerificationError):
        open_review(rfc8785.dumps(file) + b"\n", home.verifier)


def test_white_space_another_key_and_rubbish_are_refused(home: Home) -> None:
    """One review has one digest; another log's signature is none of this one's."""
    signed = sign(home)
    stranger = Signer(home.verifier.name, Ed25519PrivateKey.generate())
    forged = sign_review(signed.report, signed.review, stranger)
    for data in (signed.data + b"\n", b" " + signed.data, forged.data, b"", b"[]", b"[" * 10**5):
        with pytest.raises(VerificationError):
            open_review(data, home.verifier)
    other = new_review({"format": "other"}, ("a", "b"), home.clock(), 0, 0)
    with pytest.raises(VerificationError):
        sign_review(signed.report, other, stranger)


def test_what_is_signed_and_not_logged_does_not_count(home: Home) -> None:
    """Broken off between the two, or signed by who may not append: posture still says never."""
    now = home.clock()
    report = take_review(home.settings, now).as_json()
    signer = home.settings.signer(home.settings.vault("worker"))
    signed = sign_review(report, new_review(report, ("a", "b"), now, 1, 0), signer)
    home.store("audit").put_if_absent(signed.name, signed.data)
    assert newest(home) is None
    (kept,) = kept_reviews(home.store("audit"), home.settings.log_reader(), home.verifier, now)
    assert kept.why == "the log does not name it"

    accounts = home.settings.accounts(home.settings.vault("worker"))
    record_review(home.store("audit"), accounts, signed, now)
    assert newest(home) == signed
    record_review(home.store("audit"), accounts, signed, now)
    assert len(home.leaves("reviewed")) == 1


def test_an_old_review_does_not_become_a_new_one(home: Home) -> None:
    """Put back under a later day's name it counts for nothing; the older stays the older."""
    old = sign(home)
    home.clock.forward(30)
    audit = home.store("audit")
    later = f"reviews/2026-12-24-{old.digest[:16]}.json"
    audit.put_if_absent(later, old.data)
    audit.put_if_absent("reviews/zzz", b"planted")
    assert newest(home) == old
    whys = {one.name: one.why for one in kept_reviews(
        audit, home.settings.log_reader(), home.verifier, home.clock())}  # fmt: skip
    assert whys[later] == "it stands under another name than its own"
    assert "no signed review" in whys["reviews/zzz"]
    new = sign(home)
    assert newest(home) == new


def test_of_two_on_one_day_the_later_counts(home: Home) -> None:
    """Names of one day are in order of digest, and say nothing of which came last."""
    made = [sign(home, str(number)) for number in range(4)]
    assert newest(home) == made[-1]


@pytest.mark.parametrize(
    ("leaf_in", "now_in", "why"),
    [
        (300, 0, "it is dated after now"),
        (0, 300, "it is dated after its leaf"),
        (300, 300, "it is dated after what the log holds next"),
    ],
)
def test_a_review_that_is_dated_ahead_does_not_count(
    home: Home, leaf_in: int, now_in: int, why: str
) -> None:
    """Neither before its day nor on it, whatever its leaf says; a true one after it does."""
    now, ahead = home.clock(), home.clock() + timedelta(days=300)
    report = take_review(home.settings, now).as_json()
    vault = home.settings.vault("worker")
    signer = home.settings.signer(vault)
    accounts = home.settings.accounts(vault, signer)
    review = new_review(report, ("a", "b"), ahead, accounts.current().size, 0)
    forged = sign_review(report, review, signer)
    record_review(home.store("audit"), accounts, forged, now + timedelta(days=leaf_in))
    true = sign(home)

    home.clock.forward(now_in)
    assert newest(home) == true
    kept = kept_reviews(
        home.store("audit"), home.settings.log_reader(), home.verifier, home.clock()
    )
    assert [one.why for one in kept if one.signed is None] == [why]


@pytest.mark.parametrize(("kind", "counts"), [("accepted", True), ("audited", False)])
def test_only_leaves_that_are_dated_as_they_are_logged_speak_of_a_reviews_date(
    home: Home, kind: str, counts: bool
) -> None:
    """A leaf of what was done long before spoils nothing, as one that the watch makes would."""
    signed = sign(home)
    accounts = home.settings.accounts(home.settings.vault("worker"))
    accounts.append([encode_leaf(kind, "0" * 64, home.clock() - timedelta(days=3))])
    assert newest(home) == (signed if counts else None)


def test_a_review_that_was_taken_away_is_missed(home: Home) -> None:
    """The leaf stays, and posture says that it is due."""
    signed = sign(home)
    audit = home.store("audit")
    audit.delete(signed.name, audit.head(signed.name).version)
    assert newest(home) is None
    assert [leaf.digest for leaf in home.leaves("reviewed")] == [signed.digest]
    assert "review-due" in {one.name for one in take_posture(home.settings, home.clock()).findings}


def test_a_finding_is_kept_for_a_reason_and_only_while_it_gives_no_more(home: Home) -> None:
    """What was kept is shown the next time; a finding nobody has, or no reason, is refused."""
    file = home.settings.folder / "keys" / "worker.kek.old"
    file.write_bytes(b"?" * 32)
    report = take_review(home.settings, home.clock())
    (finding,) = report.findings
    for wrong in ({"0123456789": "x"}, {finding.identity: " "}):
        with pytest.raises(InputError):
            sign_and_record(home.settings, report, home.clock(), kept=wrong)
    sign_and_record(
        home.settings, report, home.clock(), kept={finding.identity: "for the auditors"}
    )
    again = take_review(home.settings, home.clock() + timedelta(days=3))
    assert again.kept == {finding.identity: "for the auditors"}
    file.rename(file.with_name("dataset.kek.old"))
    assert take_review(home.settings, home.clock()).kept == {}


def test_a_log_that_cannot_be_written_leaves_no_review_that_counts(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is there and the leaf is not."""

    def fails(*_: object, **__: object) -> None:
        raise StoreError("no")

    monkeypatch.setattr("unvoiced.log.writer.LogWriter.append", fails)
    with pytest.raises(StoreError):
        sign(home)
    monkeypatch.undo()
    assert newest(home) is None
    assert newest(home) != sign(home)
