"""The head that writers race for: read back as written, and refused in any other form."""

import pytest

from unvoiced.errors import VerificationError
from unvoiced.log.merkle import EMPTY_ROOT
from unvoiced.log.note import Checkpoint, Signer
from unvoiced.log.pending import Head, append_sizes

ORIGIN = "unvoiced.example/log"
BASE = Checkpoint(ORIGIN, 0, EMPTY_ROOT)
TIP = Checkpoint(ORIGIN, 7, bytes(32))
ATTEMPT = "0123456789abcdef" * 2
HEAD = Head(BASE, TIP, ATTEMPT)


def test_a_head_is_read_back_as_written(signer: Signer) -> None:
    """And names its append so that its sizes can be told without reading it."""
    assert Head.open(HEAD.sign(signer), signer.verifier) == HEAD
    assert HEAD.append_name == f"pending/append/0-7-{ATTEMPT}"
    assert append_sizes(HEAD.append_name) == (0, 7)


@pytest.mark.inv("INV-7")
def test_a_head_is_no_checkpoint(signer: Signer) -> None:
    """Its signature is of no use to whoever wants to show a fork."""
    with pytest.raises(VerificationError, match="not the three lines"):
        Checkpoint.open(HEAD.sign(signer), signer.verifier)


@pytest.mark.parametrize(
    "text",
    [
        TIP.text(),
        f"{ORIGIN}\n{BASE.text()}{TIP.text()}{ATTEMPT}\n",
        f"unvoiced pending log head v2\n{BASE.text()}{TIP.text()}{ATTEMPT}\n",
        f"unvoiced pending log head v1\n{BASE.text()}{TIP.text()}{ATTEMPT}\nmore\n",
        f"unvoiced pending log head v1\n{BASE.text()}{TIP.text()}{ATTEMPT[1:]}\n",
        f"unvoiced pending log head v1\n{BASE.text()}{TIP.text()}../{ATTEMPT[3:]}\n",
        f"unvoiced pending log head v1\n{TIP.text()}{BASE.text()}{ATTEMPT}\n",
        f"unvoiced pending log head v1\no{BASE.text()}{TIP.text()}{ATTEMPT}\n",
        f"unvoiced pending log head v1\n{BASE.text()}o{TIP.text()}{ATTEMPT}\n",
    ],
)
def test_a_malformed_head_is_refused_though_our_key_signed_it(text: str, signer: Signer) -> None:
    """One departure from the format each."""
    with pytest.raises(VerificationError, match="pending head"):
        Head.open(signer.sign(text), signer.verifier)


@pytest.mark.parametrize("name", ["", "pending/append/", f"pending/append/x-7-{ATTEMPT}", "0-7-0"])
def test_other_names_say_no_sizes(name: str) -> None:
    """They are not appends."""
    assert append_sizes(name) is None
