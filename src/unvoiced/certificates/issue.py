"""Making a certificate from a log, and holding one against the whole of it.

Needs the log's files and its public key, and no secret.
"""

import re

from unvoiced.certificates.document import Certificate, Issuer, verify_certificate
from unvoiced.certificates.evidence import Entry, Evidence, Statement
from unvoiced.certificates.subject import Subject
from unvoiced.errors import NotDisposed, VerificationError
from unvoiced.log.leaves import parse_leaf
from unvoiced.log.note import Verifier
from unvoiced.log.reader import LogReader


def issue(subject: Subject, reader: LogReader, verifier: Verifier, issuer: Issuer) -> Certificate:
    """A certificate of all that the log says about the subject, up to its newest checkpoint.

    Raises `NotDisposed` with the reason where the log does not say that the subject is gone, and
    `VerificationError` where the log does not hold.
    """
    leaves = gather(subject, reader)
    subject.refuse([Entry(index, parse_leaf(data)) for index, data in leaves.items()])
    statements = tuple(
        Statement(index, data, tuple(reader.proof(index).hashes)) for index, data in leaves.items()
    )
    certificate = Certificate.of(subject, Evidence(statements, reader.note), issuer, verifier)
    # What is given away is what anyone else will find it to be.
    return verify_certificate(certificate.encode(), verifier)


def check_nothing_left_out(certificate: Certificate, reader: LogReader) -> None:
    """That the log says nothing about the subject which the certificate leaves out, up to its
    checkpoint, and that what was logged since leaves it gone. Raises `VerificationError`.

    The caller must have the reader remember the certificate's checkpoint: stops a log that was
    rolled back, and another history.
    """
    found = gather(certificate.subject, reader)
    given = {each.index: each.leaf for each in certificate.evidence.statements}
    size = certificate.checkpoint.size
    if left_out := {index for index in found if index < size} - given.keys():
        raise VerificationError(f"the certificate leaves out entry {min(left_out)} of the log")
    try:
        certificate.subject.refuse(
            [Entry(index, parse_leaf(data)) for index, data in found.items()]
        )
    except NotDisposed as error:
        raise VerificationError(f"the log has said since that it is not gone: {error}") from None


def gather(subject: Subject, reader: LogReader) -> dict[int, bytes]:
    """The leaves of the log that belong to a subject, by their index.

    The log is read again as long as what was found names more to look for: about three times.
    """
    size = reader.checkpoint().size
    found: dict[int, bytes] = {}
    belonging: list[Entry] = []
    looked_for: set[bytes] = set()
    while (wanted := subject.look_for(belonging)) != looked_for:
        looked_for = wanted
        pattern = re.compile(b"|".join(re.escape(text) for text in sorted(wanted)))
        found = {
            index: data
            for index, data in enumerate(reader.entries(0, size))
            if pattern.search(data)
        }
        entries = [Entry(index, parse_leaf(data)) for index, data in found.items()]
        belonging = subject.belong(entries)
    return {entry.index: found[entry.index] for entry in belonging}
