"""Certificates that were given out once verify for ever."""

from pathlib import Path

import pytest

from tests.certificates.logged import paragraph
from unvoiced.certificates.document import verify_certificate
from unvoiced.certificates.page import as_html
from unvoiced.certificates.subject import Kind
from unvoiced.log.note import Verifier

VECTORS = Path(__file__).with_name("vectors")
KEY = "unvoiced.example/log+58265f9a+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"


@pytest.mark.parametrize("kind", list(Kind))
def test_a_certificate_of_the_first_format_still_verifies(kind: Kind) -> None:
    """These files are never made anew: who has to change one to pass has broken the format."""
    data = (VECTORS / f"{kind}.json").read_bytes()
    certificate = verify_certificate(data, Verifier.parse(KEY))
    assert certificate.subject.kind is kind
    assert certificate.encode() == data
    assert paragraph(certificate)
    assert as_html(certificate)
