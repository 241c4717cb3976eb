"""The set of digests that takes little memory."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from unvoiced.log.digests import DigestSet

DIGEST = st.binary(min_size=32, max_size=32)


@given(st.lists(DIGEST), st.lists(DIGEST))
def test_it_holds_what_a_set_holds(there: list[bytes], asked: list[bytes]) -> None:
    """It agrees with a set of texts, however often and in whatever order digests come."""
    texts = [one.hex() for one in (*there, *there)]
    found = DigestSet(texts)
    assert len(found) == len(set(texts))
    assert {one.hex() in found for one in there} <= {True}
    for one in asked:
        assert (one.hex() in found) == (one.hex() in set(texts))


def test_what_lies_across_two_digests_is_not_in_it() -> None:
    """Bytes that only appear where one digest ends and the next begins are no digest of it."""
    first, second = b"ab" * 16, b"ab" + bytes(30)
    across = (first + second)[2:34]
    assert across.startswith(first[:2])
    found = DigestSet([first.hex(), second.hex()])
    assert across.hex() not in found or across in {first, second}
    # Four bytes further on, the row is the same and nothing stands there.
    beside = (first + second)[4:36]
    assert beside[:2] == first[:2]
    assert beside not in {first, second}
    assert beside.hex() not in found
    found.update([beside.hex()])
    assert beside.hex() in found
    assert len(found) == 3


def test_only_digests_as_the_log_writes_them_are_in_it() -> None:
    """Other spellings, lengths and kinds are in no set, and taking them in changes nothing."""
    digest = hashlib.sha256(b"").hexdigest()
    others = [digest.upper(), digest[:-1], f"{digest}00", "g" * 64, " " * 64, "", digest[:-1] + " "]
    found = DigestSet(others)
    assert len(found) == 0
    found.update([digest])
    assert digest in found
    assert not any(one in found for one in others)
    assert None not in found
    assert bytes.fromhex(digest) not in found
