"""Which features have a receipt: exact answers from a table of parts of digests."""

import hashlib
from collections.abc import Sequence

import pytest
from test_verify import NOW, digest

from unvoiced.log import accounts as accounts_module
from unvoiced.log import feature_receipts
from unvoiced.log.accounts import Accounts
from unvoiced.log.feature_receipts import FeatureReceipts
from unvoiced.log.leaves import Leaf, encode_leaf, parse_leaf
from unvoiced.log.note import Signer
from unvoiced.log.reader import LogReader
from unvoiced.log.writer import LogWriter
from unvoiced.stores.memory import MemoryStore


def receipt(number: int, features: Sequence[str]) -> bytes:
    """A receipt that names these features, as far as it matters here."""
    named = [{"feature_set": digest(-1), "sha256": one} for one in features]
    return encode_leaf("disposed", digest(number), NOW, features=named)  # type: ignore[arg-type]  # is JSON


@pytest.fixture
def accounts(signer: Signer) -> Accounts:
    """A log of 700 recordings that are accepted."""
    store = MemoryStore("log")
    LogWriter.create(store, signer)
    accounts = Accounts(LogWriter(store, signer), LogReader(store, signer.verifier))
    accounts.append([encode_leaf("accepted", digest(n), NOW, intake_key=None) for n in range(700)])
    return accounts


def features(number: int) -> str:
    """The digest of a recording's features."""
    return hashlib.sha256(f"features {number}".encode()).hexdigest()


def test_what_is_named_is_found_and_nothing_else(accounts: Accounts) -> None:
    """In any bundle, alone or with others; not recordings, feature sets or what nobody named."""
    assert accounts.with_receipt_for_features([features(0)]) == set()
    accounts.append([receipt(n, [features(n), features(-n - 1)]) for n in range(600)])
    named = {features(n) for n in range(-600, 600)}
    unnamed = {features(700), digest(-1), digest(0), digest(1000)}
    assert accounts.with_receipt_for_features(named | unnamed) == named
    assert accounts.with_receipt_for_features([]) == set()
    for number in (0, 299, 599, -600):
        assert accounts.has_receipt_for_features(features(number))
    assert not accounts.has_receipt_for_features(features(600))


def test_what_came_since_is_found(accounts: Accounts) -> None:
    """Whoever asks again after an append has that in the answer."""
    for number in range(3):
        assert not accounts.has_receipt_for_features(features(number))
        accounts.append([receipt(number, [features(number)])])
        assert accounts.has_receipt_for_features(features(number))


def test_digests_that_begin_alike_are_told_apart(accounts: Accounts) -> None:
    """The table knows how they begin; the answer is the receipt's."""
    named = features(0)
    twin = named[:-1] + ("0" if named[-1] != "0" else "1")
    accounts.append([receipt(0, [named])])
    assert accounts.with_receipt_for_features([twin]) == set()
    accounts.append([receipt(1, [twin])])
    assert accounts.with_receipt_for_features([named, twin]) == {named, twin}


def test_what_is_no_digest_is_not_among_them(accounts: Accounts) -> None:
    """Whatever somebody put where a digest belongs; the others are answered all the same."""
    accounts.append([receipt(0, [features(0), "", "no digest", features(1).upper()])])
    others = {"", "no digest", "0x" * 32, "é" * 64, features(0)[:16], f"{features(0)}\n",
              features(0).upper(), features(1).upper()}  # fmt: skip
    assert accounts.with_receipt_for_features({features(0), *others}) == {features(0)}
    assert not accounts.has_receipt_for_features("")


def test_a_receipt_is_asked_about_after_reading_the_log_once(
    signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second question reads what it suggests and what came since, not everything again."""
    store = MemoryStore("log")
    leaves = [receipt(n, [features(n)]) for n in range(600)]
    LogWriter.create(store, signer).append(lambda _: leaves)
    parsed: list[bytes] = []

    def counted(data: bytes) -> Leaf:
        parsed.append(data)
        return parse_leaf(data)

    monkeypatch.setattr(feature_receipts, "parse_leaf", counted)
    receipts = FeatureReceipts(LogReader(store, signer.verifier))
    for number in (3, 4):
        assert receipts.among([features(number), features(10_000)]) == {features(number)}
    assert parsed == leaves[3:5]


def test_a_batch_is_parsed_once(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the append, by the ledger that admits it, and by the one that finds it in the log."""
    parsed: list[bytes] = []

    def counted(data: bytes) -> Leaf:
        parsed.append(data)
        return parse_leaf(data)

    monkeypatch.setattr(accounts_module, "parse_leaf", counted)
    size = accounts.current().size
    parsed.clear()
    batch = [encode_leaf("accepted", digest(n), NOW, intake_key=None) for n in range(1000, 1256)]
    assert len(accounts.append(batch, as_of=size)) == len(batch)
    assert accounts.current().size == size + len(batch)
    assert parsed == batch
