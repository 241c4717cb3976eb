"""Certificates that say something the log does not: every one is refused."""

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from typing import Any

import pytest

from tests.certificates.logged import (
    BODIES,
    ISSUER,
    SIGNER,
    STRANGER,
    body_of,
    certify,
    digest,
    gone,
    paragraph,
    subject,
    whole_life,
)
from unvoiced.certificates.document import MAX_BYTES, Certificate, Issuer, verify_certificate
from unvoiced.certificates.evidence import Evidence, Statement
from unvoiced.certificates.subject import Subject
from unvoiced.errors import VerificationError
from unvoiced.log.note import Checkpoint, Verifier
from unvoiced.log.reader import LogReader
from unvoiced.log.writer import LogWriter
from unvoiced.stores.memory import MemoryStore

Path = tuple[str | int, ...]
SUBJECTS = ("plain", "unkept", "2026-w47", "anna", "copy of unkept")
# docs/certificates.md names these as what the issuer states and nothing proves.
UNPROVEN = {("issuer", one.name) for one in fields(Issuer)}


def refused(document: Any) -> bool:
    """Whether these values make a certificate that does not verify."""
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    try:
        verify_certificate(data, SIGNER.verifier)
    except VerificationError:
        return True
    return False


@pytest.fixture(scope="module")
def documents(life: MemoryStore) -> dict[str, Any]:
    """A certificate of each kind, as JSON."""
    return {name: json.loads(certify(life, subject(name)).encode()) for name in SUBJECTS}


def paths(value: Any, at: Path = ()) -> Iterator[Path]:
    """Where every value of a JSON document stands, containers too."""
    yield at
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from paths(value[key], (*at, key))


def changes(value: Any) -> Iterator[Any]:
    """Other values in the place of one."""
    yield from (one for one in (None, True, 0, "", "x", [], {}) if repr(one) != repr(value))
    if isinstance(value, str):
        yield from (value + " ", "x" + value[1:] + "x", value[:-1] + "\t")
    elif type(value) is int:
        yield from (value + 1, -value - 1, str(value), value + 0.5, 1 << 70)
    elif isinstance(value, list) and value:
        yield from (value[1:], value[:-1], [*value, value[0]], [*value, "x"], [value])
        if value[::-1] != value:
            yield value[::-1]
    elif isinstance(value, dict):
        yield {**value, "x": 1}
        for key in value:
            yield {name: inner for name, inner in value.items() if name != key}
            yield {(f"{name}x" if name == key else name): inner for name, inner in value.items()}


def changed(document: Any, path: Path, value: Any) -> Any:
    """The document with another value in one place."""
    if not path:
        return value
    found = list(document) if isinstance(document, list) else dict(document)
    found[path[0]] = changed(document[path[0]], path[1:], value)
    return found


@pytest.mark.parametrize(
    "name",
    [
        "unkept",
        "2026-w47",
        "anna",
        pytest.param("plain", marks=pytest.mark.slow),
        pytest.param("copy of unkept", marks=pytest.mark.slow),
    ],
)
def test_every_value_changed_removed_or_added_is_refused(
    documents: dict[str, Any], name: str
) -> None:
    """One at a time, through the whole file; what passes is the issuer's own words and no more."""
    document, passed, tried = documents[name], set[Path](), 0
    for path in paths(document):
        value = document
        for step in path:
            value = value[step]
        for other in changes(value):
            tried += 1
            if not refused(changed(document, path, other)):
                assert other != value
                passed.add(path)
    assert passed == UNPROVEN - {("issuer", "issued")}
    assert tried > 500


def test_the_time_of_issue_is_stated_too_and_it_says_that_none_of_it_is_proven(
    documents: dict[str, Any],
) -> None:
    """Whatever somebody writes there, it stands behind the words that it is not proven."""
    document = changed(documents["plain"], ("issuer", "issued"), "2031-01-01T00:00:00Z")
    document = changed(document, ("issuer", "person"), "Mallory")
    found = verify_certificate(json.dumps(document).encode(), SIGNER.verifier)
    _, _, stated = paragraph(found).partition("Stated by the issuer and not proven: ")
    assert "01 January 2031" in stated
    assert "Mallory" in stated


def test_every_character_of_the_checkpoint_counts(documents: dict[str, Any]) -> None:
    """Its lines and its signature; each changed, each left out."""
    document = documents["2026-w47"]
    note = document["checkpoint"]
    for at, character in enumerate(note):
        for other in ("", "A" if character != "A" else "B", "\n"):
            if other != character:
                assert refused(
                    changed(document, ("checkpoint",), note[:at] + other + note[at + 1 :])
                )
    lines = note.split("\n")
    for at in range(len(lines)):
        assert refused(changed(document, ("checkpoint",), "\n".join(lines[:at] + lines[at + 1 :])))


def test_a_signature_by_another_key_beside_the_logs_is_passed_over(
    documents: dict[str, Any],
) -> None:
    """As the format of signed notes has it, so that witnesses may sign; alone it is not enough."""
    document = documents["2026-w47"]
    text = Checkpoint.open(document["checkpoint"].encode(), SIGNER.verifier).text()
    foreign = STRANGER.sign(text).decode().split("\n\n")[1]
    assert not refused(changed(document, ("checkpoint",), document["checkpoint"] + foreign))
    assert refused(changed(document, ("checkpoint",), STRANGER.sign(text).decode()))


def test_every_bit_of_every_hash_counts(documents: dict[str, Any]) -> None:
    """In each place of the base64 text."""
    document = documents["plain"]
    for at, statement in enumerate(document["statements"]):
        for nth, text in enumerate(statement["hashes"]):
            for place in range(len(text)):
                other = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
                assert refused(changed(document, ("statements", at, "hashes", nth), other))


def test_the_key_of_another_log_proves_nothing(life: MemoryStore) -> None:
    """Another key under the same name, the same key under another name, and the log's own."""
    data = certify(life, subject("plain")).encode()
    assert verify_certificate(data, SIGNER.verifier)
    for verifier in (
        STRANGER.verifier,
        Verifier("other.example/log", SIGNER.verifier.public_key),
    ):
        with pytest.raises(VerificationError):
            verify_certificate(data, verifier)


def test_a_certificate_of_another_log_does_not_hold_here() -> None:
    """Whoever runs a log of their own under the same name can write what they like into theirs."""
    store = whole_life().store(STRANGER)
    reader = LogReader(store, STRANGER.verifier)
    statements = tuple(
        Statement(index, data, tuple(reader.proof(index).hashes))
        for index, data in enumerate(reader.entries(0, reader.checkpoint().size))
        if digest("plain").encode() in data or b"2026-w47" in data
    )
    evidence = Evidence(statements, reader.note)
    own = Certificate.of(subject("plain"), evidence, ISSUER, STRANGER.verifier)
    with pytest.raises(VerificationError, match="no signature by a known key"):
        verify_certificate(own.encode(), SIGNER.verifier)
    forged = replace(own, verifier=SIGNER.verifier)
    with pytest.raises(VerificationError, match="no signature by a known key"):
        verify_certificate(forged.encode(), SIGNER.verifier)


def rebuilt(of: Certificate, keep: Callable[[Statement], bool], *more: Statement) -> bytes:
    """A certificate with other statements, everything derived from them, as a forger would."""
    kept = [one for one in of.evidence.statements if keep(one)]
    statements = tuple(sorted([*kept, *more], key=lambda one: one.index))
    evidence = replace(of.evidence, statements=statements)
    _, entries = evidence.prove(SIGNER.verifier)
    return replace(of, evidence=evidence, entries=entries).encode()


def statement(store: MemoryStore, kind: str, what: str) -> Statement:
    """A leaf of the log with its true proof."""
    reader = LogReader(store, SIGNER.verifier)
    for index, data in enumerate(reader.entries(0, reader.checkpoint().size)):
        if f'"kind":"{kind}"'.encode() in data and digest(what).encode() in data:
            return Statement(index, data, tuple(reader.proof(index).hashes))
    raise LookupError(what)


@pytest.mark.inv("INV-4")
@pytest.mark.parametrize(
    ("name", "without", "why"),
    [
        ("fernet", '"kind":"disposed"', "not disposed of since"),
        ("2026-w47", '"kind":"intake-key-retired"', "not retired"),
        ("anna", '"kind":"erased"', "does not say that the erasure"),
        ("copy of unkept", '"kind":"archive-destroyed"', "still kept"),
    ],
)
def test_without_the_leaf_that_says_it_is_gone_there_is_none(
    life: MemoryStore, name: str, without: str, why: str
) -> None:
    """However well everything else is derived from what is left."""
    data = rebuilt(certify(life, subject(name)), lambda one: without.encode() not in one.leaf)
    with pytest.raises(VerificationError, match=why):
        verify_certificate(data, SIGNER.verifier)


@pytest.mark.parametrize(
    ("name", "kind", "what"),
    [
        ("plain", "accepted", "kept"),
        ("plain", "swept", "record"),
        ("plain", "intake-key", "2026-w48"),
        ("plain", "contributor-key", "key carla"),
        ("2026-w47", "accepted", "kept"),
        ("2026-w47", "intake-key", "2026-w48"),
        ("anna", "contributor-key", "key carla"),
        ("bruno", "contributor-key", "key anna"),
        ("copy of unkept", "accepted", "only accepted"),
    ],
)
def test_a_leaf_about_something_else_is_refused(
    life: MemoryStore, name: str, kind: str, what: str
) -> None:
    """True, proved, and not about the subject: leaves of two subjects do not mix."""
    data = rebuilt(certify(life, subject(name)), lambda _: True, statement(life, kind, what))
    with pytest.raises(VerificationError, match="something else than the subject"):
        verify_certificate(data, SIGNER.verifier)


def test_a_receipt_without_its_acceptance_is_refused(life: MemoryStore) -> None:
    """The statements have to be an account of the subject, not a choice of its best lines."""
    of = certify(life, subject("plain"))
    with pytest.raises(VerificationError, match="does not follow"):
        rebuilt(of, lambda one: b'"kind":"accepted"' not in one.leaf)
    document = json.loads(of.encode())
    document["statements"] = [
        one for one in document["statements"] if '"kind":"accepted"' not in one["leaf"]
    ]
    assert refused(document)


def test_what_is_left_out_makes_a_certificate_say_less_and_never_more(life: MemoryStore) -> None:
    """Without the leaf of its key's retirement it holds, and says that a copy can be opened."""
    of = certify(life, subject("plain"))
    data = rebuilt(of, lambda one: b'"kind":"intake-key-retired"' not in one.leaf)
    said = paragraph(verify_certificate(data, SIGNER.verifier))
    assert "nothing here says that this key is retired" in said
    assert "no copy of the sealed recording can be opened" not in said


def test_statements_in_another_order_or_twice_are_refused(documents: dict[str, Any]) -> None:
    """A history is told once, forwards."""
    for document in documents.values():
        told = document["statements"]
        for other in (told[::-1], [*told, told[-1]], [told[0], *told]):
            if other != told:
                assert refused(changed(document, ("statements",), other))


def test_the_subject_of_one_with_the_evidence_of_another_is_refused(
    life: MemoryStore,
) -> None:
    """Each pair of certificates, subject and body swapped."""
    certificates = {name: certify(life, subject(name)) for name in (*SUBJECTS, "twice", "bruno")}
    swapped = {
        (one, other): refused(
            replace(certificates[one], subject=certificates[other].subject).encode()
        )
        for one in certificates
        for other in certificates
        if one != other
    }
    # What the certificate of an archived copy proves is also true of the recording it is of.
    assert not swapped.pop(("copy of unkept", "unkept"))
    assert all(swapped.values())


@pytest.mark.parametrize("also", ["name", "nothing"])
def test_a_body_is_only_its_own_erasures(life: MemoryStore, also: str) -> None:
    """Two contributors' bodies swapped, with and without the name that goes with them."""
    document = json.loads(certify(life, subject("anna")).encode())
    other = Subject.of_body(BODIES["bruno"])
    document["body"] = BODIES["bruno"]
    if also == "name":
        document["subject"]["name"] = other.name
    assert refused(document)


def test_a_body_that_the_log_never_named_is_refused(life: MemoryStore) -> None:
    """Somebody else's pseudonym in the body of a true erasure."""
    document = json.loads(certify(life, subject("anna")).encode())
    document["body"] = body_of("m", ["key anna", "second key anna"])
    assert refused(document)


@pytest.mark.inv("INV-4")
@pytest.mark.parametrize(
    "fields", [{"observed": {"versions": 1}}, {"observed": {}}, {"not_checked": []}, {"tool": ""}]
)
def test_a_logged_receipt_that_shows_no_absence_is_refused(
    life: MemoryStore, fields: dict[str, Any]
) -> None:
    """Signed by the log's key and truly in the tree; it certifies nothing all the same."""
    log = whole_life()
    log.leaves = [
        gone("intake-key-retired", "2026-w47", **fields)
        if leaf.startswith(b'{"cause":"epoch over"')
        else leaf
        for leaf in log.leaves
    ]
    store = log.store()
    reader = LogReader(store, SIGNER.verifier)
    reader.checkpoint()
    document = json.loads(certify(life, subject("2026-w47")).encode())
    document["checkpoint"] = reader.note.decode()
    document["statements"] = [
        statement(store, kind, "2026-w47").as_json()
        for kind in ("intake-key", "intake-key-retired")
    ]
    with pytest.raises(VerificationError, match="without the observation"):
        verify_certificate(json.dumps(document).encode(), SIGNER.verifier)


def test_a_proof_from_an_older_tree_does_not_lead_to_this_one(life: MemoryStore) -> None:
    """All statements are proved under the one checkpoint."""
    old = certify(life, subject("plain"))
    grown = MemoryStore("log")
    writer = LogWriter.create(grown, SIGNER)
    leaves = [*whole_life().leaves, *(gone("swept", f"more {n}") for n in range(40))]
    writer.append(lambda _: leaves)
    new = certify(grown, subject("plain"))
    document = json.loads(new.encode())
    document["statements"][1] = old.evidence.statements[1].as_json()
    assert refused(document)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"7",
        b'"unvoiced-certificate/1"',
        b"{}",
        b'{"format": "unvoiced-certificate/1"}',
        b'{"format": "unvoiced-certificate/2"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"format":NaN}',
        b'{"format":1e999}',
        b'{"format":' + b"9" * 10_000 + b"}",
        b"{" + b" " * MAX_BYTES + b"}",
    ],
    ids=range(15),
)
def test_what_is_no_certificate_is_refused_in_the_same_way(data: bytes) -> None:
    """Empty, of another type, deep or huge: a `VerificationError`, and nothing else."""
    assert refused(data)


@pytest.mark.parametrize("depth", [500, 900, 990, 5000])
def test_deep_values_inside_an_otherwise_right_certificate_are_refused(
    documents: dict[str, Any], depth: int
) -> None:
    """At any depth between what reading and what writing JSON can bear."""
    deep = ('{"a":' * depth + "0" + "}" * depth).encode()
    for part in ("body", "issuer", "subject", "fields", "statements"):
        marked = json.dumps({**documents["anna"], part: "HERE"}).encode()
        assert refused(marked.replace(b'"HERE"', deep))


def test_a_certificate_cut_anywhere_is_refused(life: MemoryStore) -> None:
    """Every hundredth prefix, and the last bytes one by one; the final newline is white space."""
    data = certify(life, subject("plain")).encode()
    for length in [*range(0, len(data), 101), *range(len(data) - 40, len(data) - 1)]:
        assert refused(data[:length])
    assert not refused(data[:-1])


def test_a_name_given_twice_is_refused(life: MemoryStore) -> None:
    """What one reader takes from the first and another from the last is no document."""
    data = certify(life, subject("plain")).encode()
    again = data.replace(b'"subject":', b'"subject": {}, "subject":', 1)
    assert again != data
    assert refused(again)


def test_white_space_and_the_order_of_names_do_not_matter(documents: dict[str, Any]) -> None:
    """A file that went through somebody's editor is the same certificate."""
    document = documents["anna"]
    assert not refused(json.dumps(document, indent=8, sort_keys=True).encode())
    assert not refused(json.dumps(document, ensure_ascii=True, separators=(",", ":")).encode())


@pytest.mark.parametrize(
    "issuer",
    [
        {"organization": "x" * 201},
        {"person": "a\nb"},
        {"title": "\u202egnp.exe"},
        {"issued": "yesterday"},
        {"issued": ""},
        {"person": 7},
        {"person": "\ud800"},
    ],
)
def test_the_issuers_words_fit_on_a_line(documents: dict[str, Any], issuer: dict[str, Any]) -> None:
    """No line breaks, no direction marks: what is shown is what is there."""
    document = copy.deepcopy(documents["plain"])
    document["issuer"].update(issuer)
    assert refused(document)
