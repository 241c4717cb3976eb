"""Signed notes and checkpoints: the specification's example, and every way to be malformed."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from unvoiced.errors import InputError, VerificationError
from unvoiced.log.merkle import EMPTY_ROOT
from unvoiced.log.note import (
    MAX_NOTE_BYTES,
    MAX_SIGNATURES,
    Checkpoint,
    Signer,
    Verifier,
    open_note,
)

# The example of c2sp.org/signed-note.
VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
TEXT = "This is an example message.\n"
LINE = (
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3m"
    "FXmRKuwHjG1Yu72IneyaQM=\n"
)
NOTE = f"{TEXT}\n{LINE}".encode()
EXAMPLE = Verifier.parse(VKEY)
WITNESSES = [
    Signer(f"witness{each}.example", Ed25519PrivateKey.from_private_bytes(bytes([each] * 32)))
    for each in range(1, 100)
]


def signature_line(signer: Signer, text: str) -> bytes:
    """One line of signature, to be put under a note."""
    return signer.sign(text).removeprefix(f"{text}\n".encode())


def refused(note: bytes, match: str, *verifiers: Verifier) -> None:
    """Opening the note fails with a message that says so."""
    with pytest.raises(VerificationError, match=match):
        open_note(note, verifiers or [EXAMPLE])


def test_the_specifications_example_opens() -> None:
    """The published verifier key opens the published note, and is written back the same."""
    assert open_note(NOTE, [EXAMPLE]) == TEXT
    assert EXAMPLE.vkey == VKEY


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]) | st.just("\n")))
def test_what_is_signed_opens_to_the_same_text(text: str) -> None:
    """Any text, with empty lines and lines that look like signatures too."""
    signer = WITNESSES[0]
    for each in (text + "\n", f"{text}\n\n{LINE}"):
        assert open_note(signer.sign(each), [signer.verifier]) == each


def test_every_flipped_bit_of_a_note_is_refused() -> None:
    """No bit of text, key name, key id or signature can change."""
    for bit in range(8 * len(NOTE)):
        note = bytearray(NOTE)
        note[bit // 8] ^= 1 << bit % 8
        refused(bytes(note), "note|signature")


def test_signatures_by_unknown_keys_are_ignored() -> None:
    """Co-signatures may stand before and after the known one."""
    before, after = (signature_line(each, TEXT) for each in WITNESSES[:2])
    note = f"{TEXT}\n".encode() + before + LINE.encode() + after
    assert open_note(note, [EXAMPLE]) == TEXT


def test_a_known_name_with_another_key_id_is_unknown_and_so_is_the_reverse() -> None:
    """Name and id together make a key; a signature that shares one of them is ignored."""
    impostor = Signer("example.com/foo", Ed25519PrivateKey.from_private_bytes(bytes(32)))
    renamed = LINE.replace("example.com/foo", "example.com/bar").encode()
    others = signature_line(impostor, TEXT) + renamed
    assert open_note(NOTE + others, [EXAMPLE]) == TEXT
    refused(f"{TEXT}\n".encode() + others, "no signature by a known key")


def test_a_bad_signature_by_a_known_key_refuses_the_note() -> None:
    """Even where another known key's signature is good."""
    witness = WITNESSES[0]
    bad = signature_line(witness, "something else\n")
    refused(NOTE + bad, "witness1.example does not verify", EXAMPLE, witness.verifier)
    refused(NOTE + LINE.replace("aQM=", "aQI=").encode(), "canonical|verify")


def test_sixteen_signatures_and_more_are_accepted_but_not_any_number() -> None:
    """The bound is above what the specification asks for."""
    lines = [signature_line(each, TEXT) for each in WITNESSES]
    for count in (15, MAX_SIGNATURES - 1):
        assert open_note(NOTE + b"".join(lines[:count]), [EXAMPLE]) == TEXT
    refused(NOTE + b"".join(lines[:MAX_SIGNATURES]), "more than 64 signatures")


def test_sixteen_post_quantum_signatures_fit() -> None:
    """Unknown signatures of 5 kB each are within the size bound."""
    line = "— pq.example " + base64.b64encode(bytes(5000)).decode() + "\n"
    assert open_note(NOTE + line.encode() * 15, [EXAMPLE]) == TEXT


MALFORMED = {
    "no signature": f"{TEXT}\n",
    "no blank line": TEXT + LINE,
    "no final newline": f"{TEXT}\n{LINE}"[:-1],
    "empty": "",
    "a blank line at the end": f"{TEXT}\n{LINE}\n",
    "a hyphen for the em dash": f"{TEXT}\n{LINE}".replace("—", "-"),
    "an en dash for the em dash": f"{TEXT}\n{LINE}".replace("—", "–"),
    "no space after the dash": f"{TEXT}\n{LINE}".replace("— ", "—"),
    "two spaces": f"{TEXT}\n{LINE}".replace("— ", "—  "),
    "a trailing space": f"{TEXT}\n{LINE}"[:-1] + " \n",
    "a carriage return": f"{TEXT}\n{LINE}".replace("\n", "\r\n"),
    "a tab in the text": f"\t{TEXT}\n{LINE}",
    "a nul in the text": f"\0{TEXT}\n{LINE}",
    "a plus in a key name": f"{TEXT}\n— a+b {LINE[18:]}{LINE}",
    "a Unicode space in a key name": f"{TEXT}\n— a\u2003b {LINE[18:]}{LINE}",
    "no key name": f"{TEXT}\n—  {LINE[18:]}{LINE}",
    "no base64": f"{TEXT}\n— other.example !!!!\n{LINE}",
    "unpadded base64": f"{TEXT}\n{LINE}".replace("aQM=", "aQM"),
    "another spelling of the base64": f"{TEXT}\n{LINE}".replace("aQM=", "aQN="),
    "a signature of a key id only": f"{TEXT}\n— other.example AAAAAA==\n{LINE}",
    "junk after a signature": f"{TEXT}\n{LINE}junk\n",
}


@pytest.mark.parametrize("note", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_note_is_refused(note: str) -> None:
    """One departure from the format each, with the good signature still there where it can be."""
    refused(note.encode(), "note")


def test_a_note_that_is_not_utf8_or_too_large_is_refused() -> None:
    """Before anything in it is looked at."""
    refused(b"\xff" + NOTE, "UTF-8")
    refused(b"a" * MAX_NOTE_BYTES + NOTE, "larger than")


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "example.com/foo",
        "example.com/foo+530d903a",
        VKEY.replace("530d903a", "530d903b"),
        VKEY.replace("530d903a", "530D903A"),
        VKEY.replace("example.com/foo", "example.com/bar"),
        VKEY.replace("example.com/foo", ""),
        VKEY.replace("example.com/foo", "example.com foo"),
        VKEY.replace("+AekyeRrm", "+AukyeRrm"),
        VKEY[:-4],
        VKEY + "\n",
        "example.com/foo+530d903a+!",
    ],
)
def test_a_malformed_verifier_key_is_refused(vkey: str) -> None:
    """Name, id and key must fit together."""
    with pytest.raises(VerificationError):
        Verifier.parse(vkey)


def test_a_signer_refuses_unfit_names_and_texts(signer: Signer) -> None:
    """What could not be opened again is not signed."""
    for name in ("", "a b", "a+b", "a\nb", "a\u00a0b"):
        with pytest.raises(InputError):
            Signer(name, Ed25519PrivateKey.generate())
    for text in ("", "no newline", "a\tb\n", "a\r\n"):
        with pytest.raises(InputError):
            signer.sign(text)


def test_a_signer_shows_no_key(signer: Signer) -> None:
    """Neither repr nor vkey carries the private key."""
    secret = bytes(range(32))
    for shown in (repr(signer), signer.vkey):
        assert secret.hex() not in shown
        assert base64.b64encode(secret).decode() not in shown


ROOT = base64.b64encode(bytes(range(32))).decode()


def test_a_checkpoint_is_read_back_as_written() -> None:
    """Origin, size and root, a line each."""
    checkpoint = Checkpoint("example.com/log", 20852163, bytes(range(32)))
    assert checkpoint.text() == f"example.com/log\n20852163\n{ROOT}\n"
    assert Checkpoint.parse(checkpoint.text()) == checkpoint
    empty = Checkpoint("o", 0, EMPTY_ROOT)
    assert Checkpoint.parse(empty.text()) == empty


@pytest.mark.parametrize(
    "text",
    [
        "",
        "o\n1\n",
        f"o\n1\n{ROOT}",
        f"\n1\n{ROOT}\n",
        f"o\n\n{ROOT}\n",
        f"o\n01\n{ROOT}\n",
        f"o\n+1\n{ROOT}\n",
        f"o\n-1\n{ROOT}\n",
        f"o\n 1\n{ROOT}\n",
        f"o\n1_0\n{ROOT}\n",
        f"o\n١\n{ROOT}\n",
        f"o\n{1 << 63}\n{ROOT}\n",
        f"o\n{10**30}\n{ROOT}\n",
        f"o\n0\n{ROOT}\n",
        "o\n1\nAAAA\n",
        f"o\n1\n{ROOT[:-1]}\n",
        f"o\n1\n{ROOT[:-2]}9=\n",
        f"o\n1\n{ROOT} \n",
        f"o\n1\n{ROOT}\nextension\n",
        f"o\n1\n{ROOT}\n\n",
    ],
)
def test_a_malformed_checkpoint_is_refused(text: str) -> None:
    """Numbers and base64 have one spelling; nothing may be missing or added."""
    with pytest.raises(VerificationError, match="checkpoint"):
        Checkpoint.parse(text)


def test_a_checkpoint_of_another_log_under_our_key_is_refused(signer: Signer) -> None:
    """The origin must be the key's name."""
    note = signer.sign(Checkpoint("other.example/log", 1, bytes(32)).text())
    with pytest.raises(VerificationError, match=r"other\.example/log"):
        Checkpoint.open(note, signer.verifier)
