"""The accounts: what may follow what, leaf by leaf, for kinds beyond accepting and disposing."""

import itertools
from collections.abc import Callable

import pytest
import rfc8785

from tests.certificates.logged import Logged, digest, whole_life
from unvoiced.disposal import Cause
from unvoiced.errors import VerificationError
from unvoiced.log.leaves import KINDS, encode_leaf, parse_leaf
from unvoiced.log.ledger import Ledger

Story = Callable[[Logged], None]


def told(*parts: Story) -> Logged:
    """A log in which these things happened, one after the other."""
    log = Logged()
    for part in parts:
        part(log)
    return log


def folded(log: Logged) -> Ledger:
    """The accounts of it. Raises `VerificationError` where it contradicts itself."""
    ledger = Ledger()
    for leaf in log.leaves:
        ledger.enter(leaf)
    return ledger


def said(kind: str, what: str, **fields: str) -> Story:
    """One leaf."""
    return lambda log: log.say(kind, what, **fields)


def gone(kind: str, what: str) -> Story:
    """One leaf that says something is gone."""
    return lambda log: log.gone(kind, what)


def accepted(what: str, key: str | None = "w47") -> Story:
    """A recording sealed to a key."""
    return lambda log: log.accept(what, key)


def disposed(what: str, archived: str = "") -> Story:
    """Its receipt, with its archived copy where there is one."""
    cause = Cause.ARCHIVED if archived else Cause.FEATURES
    return lambda log: log.dispose(what, cause, archived=archived)


KEY = said("intake-key", "w47", epoch="2026-w47")
OTHER_KEY = said("intake-key", "w48", epoch="2026-w48")
RETIRED = gone("intake-key-retired", "w47")
QUARANTINED = said("quarantined", "a", reason="truncated")


@pytest.mark.inv("INV-9")
@pytest.mark.parametrize(
    "parts",
    [
        (KEY, accepted("a"), RETIRED),
        (KEY, accepted("a"), QUARANTINED, RETIRED),
        (KEY, accepted("a"), QUARANTINED, said("released", "a"), RETIRED),
        (KEY, accepted("a"), accepted("b"), disposed("a"), RETIRED),
        (KEY, accepted("a"), disposed("a"), accepted("a"), RETIRED),
        (RETIRED,),
        (OTHER_KEY, RETIRED),
        (KEY, RETIRED, RETIRED),
        (KEY, RETIRED, KEY),
        (RETIRED, KEY),
    ],
)
def test_a_key_is_not_retired_while_something_sealed_to_it_is_unsettled(
    parts: tuple[Story, ...],
) -> None:
    """Nor before it is announced, nor twice; and once retired it is not announced again."""
    with pytest.raises(VerificationError, match="contradicts"):
        folded(told(*parts))


@pytest.mark.inv("INV-9")
def test_a_key_is_retired_once_all_that_is_sealed_to_it_is_settled() -> None:
    """Whatever is sealed to other keys, or to none of ours, does not hold it back."""
    ledger = folded(
        told(KEY, OTHER_KEY, accepted("a"), accepted("b", "w48"), accepted("c", None),
             disposed("a"), RETIRED)
    )  # fmt: skip
    assert ledger.retired_intake_keys == {digest("w47"): "2026-w47"}
    assert ledger.intake_keys == {digest("w48"): "2026-w48"}
    assert ledger.unsettled_under(digest("w48")) == 1
    for key in ("w47", "w48"):
        assert ledger.intake_key_of(bytes.fromhex(digest(key)[:32])) == digest(key)
    assert ledger.intake_key_of(bytes(16)) is None


def test_a_late_upload_to_a_retired_key_is_accounted_for() -> None:
    """It cannot be opened any more, and has its place in the accounts all the same."""
    ledger = folded(told(KEY, RETIRED, accepted("a"), QUARANTINED))
    assert ledger.quarantined == {digest("a"): "truncated"}
    assert ledger.unsettled_under(digest("w47")) == 1


@pytest.mark.inv("INV-10")
@pytest.mark.parametrize(
    "parts",
    [
        (gone("contributor-key-destroyed", "k"),),
        (said("contributor-key", "k"),) * 2,
        (said("contributor-key", "k"), gone("contributor-key-destroyed", "k"),
         said("contributor-key", "k")),
        (said("contributor-key", "k"), gone("contributor-key-destroyed", "k"),
         gone("contributor-key-destroyed", "k")),
        (said("contributor-key", "k"), gone("contributor-key-destroyed", "other")),
    ],
)  # fmt: skip
def test_a_destroyed_key_does_not_come_back(parts: tuple[Story, ...]) -> None:
    """A restored backup's key object cannot be made genuine again by logging it anew."""
    with pytest.raises(VerificationError, match="contradicts"):
        folded(told(*parts))


def test_the_archive_is_what_receipts_put_there_and_nobody_destroyed() -> None:
    """One more with each archived original, one less with each that is gone."""
    log = told(accepted("a"), disposed("a", "copy of a"), accepted("b"), disposed("b", "copy of b"))
    assert folded(log).archived == {digest("copy of a"), digest("copy of b")}
    log.gone("archive-destroyed", "copy of a")
    assert folded(log).archived == {digest("copy of b")}
    log.gone("archive-destroyed", "copy of a")
    with pytest.raises(VerificationError, match="contradicts"):
        folded(log)


@pytest.mark.parametrize(
    "parts",
    [
        (gone("archive-destroyed", "copy"),),
        (accepted("a"), disposed("a"), gone("archive-destroyed", "a")),
        (accepted("a"), gone("archive-destroyed", "copy"), disposed("a", "copy")),
        (said("extracted", "a"),),
        (accepted("a"), disposed("a"), said("extracted", "a")),
        (accepted("a"), disposed("a", "copy"), said("extracted", "a")),
        (accepted("a"), disposed("a", "copy"), gone("archive-destroyed", "copy"),
         said("extracted", "copy")),
    ],
)  # fmt: skip
def test_what_is_not_there_is_neither_destroyed_nor_extracted_from(
    parts: tuple[Story, ...],
) -> None:
    """An archived original has to be there by the log; so has a recording."""
    with pytest.raises(VerificationError, match="contradicts"):
        folded(told(*parts))


@pytest.mark.parametrize(
    "parts",
    [
        (KEY, accepted("a"), said("extracted", "a")),
        (accepted("a"), QUARANTINED, said("extracted", "a")),
        (
            accepted("a"),
            disposed("a", "copy"),
            said("extracted", "copy"),
            said("extracted", "copy"),
        ),
    ],
)
def test_more_features_are_made_of_what_is_there(parts: tuple[Story, ...]) -> None:
    """As often as one likes; the accounts are what they were."""
    before, after = folded(told(*parts[:2])), folded(told(*parts))
    assert (after.backlog, after.quarantined, after.archived) == (
        before.backlog,
        before.quarantined,
        before.archived,
    )


@pytest.mark.parametrize("kind", ["swept", "erased", "audited", "approved", "reviewed"])
def test_a_record_is_logged_once(kind: str) -> None:
    """Who does not know whether it was, tries again; who replays it, is refused."""
    log = told(gone(kind, "record"))
    assert folded(log).admissible(log.leaves) == []
    log.gone(kind, "record")
    with pytest.raises(VerificationError, match="contradicts"):
        folded(log)


@pytest.mark.inv("INV-5")
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_no_leaf_of_a_whole_life_can_be_replayed_or_moved_to_the_front(kind: str) -> None:
    """Of every kind: what has happened does not happen again unless the log says why.

    What turned up again after its disposal is accepted, and can be disposed of, once more; more
    features may be made, and suppressions lifted, at any time.
    """
    log = whole_life()
    ledger = folded(log)
    leaves = [leaf for leaf in log.leaves if parse_leaf(leaf).kind == kind]
    assert leaves
    again = {parse_leaf(leaf).digest for leaf in ledger.admissible(leaves)}
    if kind == "disposed":
        assert again == {digest("back again")}
    elif kind not in {"accepted", "extracted", "suppression-lifted"}:
        assert not again
    first = {"accepted", "intake-key", "contributor-key", "swept", "erased", "suppression-lifted"}
    first |= {"audited", "approved", "reviewed"}
    if kind not in first:
        assert Ledger().admissible(leaves) == []


@pytest.mark.inv("INV-10")
def test_a_request_of_erasure_is_logged_once_whatever_its_certificate_says() -> None:
    """Two runs with two bodies for one request: the second leaf may not follow the first."""
    log = Logged()
    log.gone("erased", "one body", request=digest("request"))
    other = Logged()
    other.gone("erased", "another body", request=digest("request"))
    assert folded(log).admissible(other.leaves) == []


@pytest.mark.inv("INV-10")
def test_a_lifting_takes_back_what_was_signed_before_it() -> None:
    """What was signed when the log was as long as the lifting's index, or shorter; not what came
    after it, nor what is of somebody else.
    """
    log = Logged()
    log.gone("swept", "a record")
    log.say("suppression-lifted", "anna")
    ledger = folded(log)
    assert [ledger.is_lifted(digest("anna"), as_of) for as_of in (0, 1, 2)] == [True, True, False]
    assert not ledger.is_lifted(digest("bruno"), 0)


@pytest.mark.inv("INV-5")
def test_counts_hold_after_every_leaf_of_a_whole_life() -> None:
    """Accepted is disposed, quarantined and backlog, whatever else is logged in between."""
    ledger = Ledger()
    for leaf in whole_life().leaves:
        ledger.enter(leaf)
        assert ledger.accepted == ledger.disposed + len(ledger.quarantined) + len(ledger.backlog)
    assert ledger.size == len(whole_life().leaves)
    assert ledger.sealed_to.keys() <= ledger.backlog | ledger.quarantined.keys()


def test_no_two_leaves_of_a_short_life_can_change_places() -> None:
    """Each step here depends on the one before it, so that the order in the log is evidence."""
    steps = (KEY, accepted("a"), QUARANTINED, said("released", "a"), disposed("a", "copy"),
             gone("archive-destroyed", "copy"))  # fmt: skip
    folded(told(*steps))
    for one, other in itertools.pairwise(range(1, len(steps))):
        order = list(range(len(steps)))
        order[one], order[other] = order[other], order[one]
        with pytest.raises(VerificationError):
            folded(told(*(steps[at] for at in order)))


@pytest.mark.parametrize("kind", ["", "Disposed", "disposed ", "forgotten", "intake-keys", "key"])
def test_a_kind_that_this_version_does_not_know_is_refused(kind: str) -> None:
    """What it could mean for the accounts is unknown, so nothing behind it can be believed."""
    with pytest.raises(VerificationError, match="unknown kind"):
        Ledger().enter(encode_leaf(kind, digest("a"), Logged().now()))


@pytest.mark.parametrize("value", [[], {}, ["disposed"], 1, None, True])
@pytest.mark.parametrize("name", ["kind", "sha256", "time"])
def test_a_leaf_whose_fields_are_no_texts_is_refused(name: str, value: object) -> None:
    """With the error of every other leaf that cannot be read, whatever stands there."""
    fields = {"kind": "accepted", "sha256": digest("a"), "time": "2026-11-22T12:00:00Z"}
    with pytest.raises(VerificationError, match="unknown kind"):
        parse_leaf(rfc8785.dumps({**fields, name: value}))
