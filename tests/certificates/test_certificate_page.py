"""The page of a certificate: all of it is there, and nothing in it can do anything."""

import html
import re
from html.parser import HTMLParser

import pytest

from tests.certificates.logged import SIGNER, Logged, certify, subject
from unvoiced.certificates.document import Issuer, verify_certificate
from unvoiced.certificates.page import as_html
from unvoiced.certificates.wording import findings, limits, pending, still_there
from unvoiced.stores.memory import MemoryStore

SUBJECTS = ("plain", "twice", "kept", "unkept", "fernet", "2026-w47", "anna", "bruno")
TAGS = {
    *("html", "head", "meta", "title", "style", "body", "main", "header", "section", "h1", "h2"),
    *("p", "dl", "div", "dt", "dd", "ol", "ul", "li", "code", "span", "pre"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
HOSTILE = '</pre><script>alert(1)</script><img src="https://example.com" onerror=alert(1)>&amp;\'"'


class Parsed(HTMLParser):
    """Tags, attributes and text of a page; what is opened has to be closed."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember it."""
        self.tags.add(tag)
        self.attributes += attrs
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """In the order they were opened."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """What is read."""
        self.texts.append(data)


def shown(page: str) -> str:
    """The text of a page, white space aside."""
    return " ".join("".join(Parsed(page).texts).split())


@pytest.mark.parametrize("name", SUBJECTS)
def test_the_page_says_everything_and_asks_nothing_of_anyone(life: MemoryStore, name: str) -> None:
    """Every sentence and every thing that was not checked; no script, link, image or form."""
    certificate = certify(life, subject(name))
    page = as_html(certificate)
    parsed, text = Parsed(page), shown(page)
    assert parsed.open == []
    assert parsed.tags <= TAGS
    assert {key for key, _ in parsed.attributes} <= {
        *("lang", "charset", "name", "content", "http-equiv", "class", "scope")
    }
    assert "http" not in page.replace("http-equiv", "")
    for said in (
        *(one.text for one in (*findings(certificate), *still_there(certificate))),
        *certificate.not_checked,
        *limits(certificate),
        *pending(certificate),
        certificate.subject.name,
        SIGNER.vkey,
    ):
        assert " ".join(said.split()) in text
    assert page.index("What was not checked") < page.index("Fields of NIST")


def test_what_to_compare_is_what_whoever_holds_the_page_has(life: MemoryStore) -> None:
    """A receipt has the digest of a recording, and neither an epoch's nor an erasure's."""
    receipt = "Compare the digest above with the one in your own upload receipt"
    assert receipt in shown(as_html(certify(life, subject("plain"))))
    erasure = shown(as_html(certify(life, subject("anna"))))
    assert receipt not in erasure
    assert "Compare the pseudonym above with the one in your own invitation" in erasure
    assert f"Pseudonym of the contributor{'a' * 26}" in erasure
    epoch = shown(as_html(certify(life, subject("2026-w47"))))
    assert "Compare the epoch above" in epoch
    assert "Pseudonym of" not in epoch


@pytest.mark.parametrize("name", SUBJECTS)
def test_the_certificate_in_the_page_is_the_certificate(life: MemoryStore, name: str) -> None:
    """Copied out of it, it verifies."""
    page = as_html(certify(life, subject(name)))
    inside = re.findall(r"<pre>(.*?)</pre>", page, re.DOTALL)
    assert len(inside) == 1
    assert verify_certificate(html.unescape(inside[0]).encode(), SIGNER.verifier)


def test_what_a_log_or_an_issuer_says_is_shown_and_never_obeyed() -> None:
    """Markup in a leaf, an epoch or an issuer's name is text like any other."""
    log = Logged()
    log.accept("plain", None)
    log.say("quarantined", "plain", reason=HOSTILE)
    log.say("released", "plain")
    log.dispose("plain")
    issuer = Issuer("2026-12-01T09:30:00Z", HOSTILE, HOSTILE, HOSTILE)
    page = as_html(certify(log.store(), subject("plain"), issuer))
    assert Parsed(page).tags <= TAGS
    assert "<script" not in page
    assert shown(page).count("alert(1)") >= 8


def test_the_page_is_set_for_a4(life: MemoryStore) -> None:
    """Whoever prints it gets pages, and no block cut in two that fits on one."""
    page = as_html(certify(life, subject("plain")))
    assert "@page{size:A4" in page
    assert "@media print" in page
    assert "Content-Security-Policy" in page
