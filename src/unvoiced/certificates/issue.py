"""Making a certificate from a log: needs the log's files and its public key, and no secret."""

import re

from unvoiced.certificates.document import Certificate, Issuer, verify_certificate
from unvoiced.certificates.evidence import Entry, Evidence, Statement
from unvoiced.certificates.subject import Subject
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
