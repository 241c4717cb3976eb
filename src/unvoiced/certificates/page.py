"""The certificate as a page for people: one HTML file without scripts or anything from elsewhere.

The page shows what is proven and proves nothing itself; the certificate's JSON stands at its end.
Everything in it that came from a log or an issuer is escaped.
"""

import html
from collections.abc import Iterable

from unvoiced.certificates import wording
from unvoiced.certificates.document import Certificate
from unvoiced.certificates.fields import STANDARD
from unvoiced.certificates.style import STYLE
from unvoiced.certificates.subject import Kind
from unvoiced.sealing import Json

_COMPARE = {
    Kind.SAMPLE: "Compare the digest above with the one in your own upload receipt "
    "(<code>sha256</code>), where you have one.",
    Kind.EPOCH: "Compare the epoch above with the one in your own upload receipts "
    "(<code>epoch</code>), where you have some.",
    Kind.CONTRIBUTOR: "Compare the pseudonym above with the one in your own invitation or upload "
    "receipts (<code>pseudonym</code>), where you have some. The digest above is of the erasure's "
    "body, which stands in the certificate; no receipt has it.",
    Kind.ARCHIVED: "The digest above is of the archived copy, and no upload receipt has it. That "
    "of the recording it was made of stands in the certificate's statement <code>disposed</code> "
    "which names the copy: compare its <code>sha256</code> with the one in your own upload "
    "receipt, where you have one.",
}


def as_html(certificate: Certificate) -> str:
    """The page, in UTF-8 when it is written; prints on A4."""
    what = wording.title(certificate)
    parts = [
        _head(certificate, what),
        _section(
            "What the log says was destroyed, when and how",
            _found("ol", wording.findings(certificate)),
            "proven",
        ),
        _section("What is still there", _found("ul", wording.still_there(certificate)), "limit"),
        _section("Not done yet", _items(wording.pending(certificate)), "limit"),
        _section(
            "What was not checked",
            "<p>Whoever destroyed it says that they did not look at:</p>"
            + _items(certificate.not_checked),
            "limit",
        ),
        _section("What this does not prove", _items(wording.limits(certificate)), "limit"),
        _fields(certificate),
        _issuer(certificate),
        _how_to_verify(certificate),
        _appendix(certificate),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # Nothing is fetched and nothing runs, whatever the text should contain.
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>Certificate of sanitization: {_text(what)}</title>\n"
        f"<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(part for part in parts if part)
        + "\n</main>\n</body>\n</html>\n"
    )


def _head(certificate: Certificate, what: str) -> str:
    checkpoint = certificate.checkpoint
    body = certificate.subject.body
    rows = [
        *([("Pseudonym of the contributor", _code(str(body["pseudonym"])))] if body else []),
        (wording.named_by(certificate), _code(certificate.subject.name)),
        ("Log", f"{_code(checkpoint.origin)}, {checkpoint.size:,} entries"),
        ("Root of the log", _code(checkpoint.root.hex())),
        ("Public key of the log", _code(certificate.verifier.vkey)),
    ]
    return (
        f"<header><p class=kicker>Certificate of sanitization</p><h1>{_text(what)}</h1>"
        f"{_definitions(rows)}</header>"
    )


def _found(kind: str, findings: Iterable[wording.Finding]) -> str:
    items = "".join(
        f"<li>{_with_digests(finding.text)} <span class=entry>{_rests_on(finding.entries)}</span>"
        "</li>"
        for finding in findings
    )
    return f"<{kind}>{items}</{kind}>"


def _fields(certificate: Certificate) -> str:
    rows = []
    before = ""
    for row in certificate.document()["fields"] or []:  # type: ignore[union-attr]  # rows
        field, value, source = (_cell(row, name) for name in ("field", "value", "source"))
        known = "" if source == "not in the log" else " class=known"
        shown = "" if field == before else _text(field[:1].upper() + field[1:])
        rows.append(
            f"<tr{known}><th scope=row>{shown}</th><td>{_text(value)}</td>"
            f"<td>{_text(source)}</td></tr>"
        )
        before = field
    return _section(
        f"Fields of {STANDARD}",
        "<table><thead><tr><th scope=col>Field</th><th scope=col>Value</th>"
        f"<th scope=col>From</th></tr></thead><tbody>{''.join(rows)}</tbody></table>"
        "<p class=note>That publication tells verification, whether the technique was completed, "
        "from validation, whether the organization accepts the outcome. A log can hold the first. "
        "The second is a decision of people, and is not in it.</p>",
        "fields",
    )


def _issuer(certificate: Certificate) -> str:
    issuer = certificate.issuer
    rows = [
        ("Organization", _text(issuer.organization or "not stated")),
        ("Person", _text(issuer.person or "not stated")),
        ("Position or title", _text(issuer.title or "not stated")),
        ("Issued", _text(wording.when(issuer.issued))),
    ]
    lines = "<div class=sign><span>Signature</span><span>Place and date</span></div>"
    return _section(
        "Stated by the issuer, and not proven", _definitions(rows) + lines, "issuer limit"
    )


def _how_to_verify(certificate: Certificate) -> str:
    log = _text(certificate.verifier.name)
    return _section(
        "How to verify this yourself",
        "<p>This page proves nothing: whoever sent it could have written anything. The "
        "certificate is the JSON file that came with it; its text stands at the end.</p><ol>"
        f"<li>Get the public key of the log {log} from somewhere other than this page: from where "
        "the operator publishes it, or from an upload receipt (<code>log_vkey</code>). It has to "
        f"be the one shown above.</li>"
        "<li>Install the tool from a checkout you trust: <code>pip install ./unvoiced</code>. "
        "Verifying needs no network and no account.</li>"
        "<li>Run <code>unvoiced verify CERTIFICATE --key LOG_KEY</code>. It ends with exit code 0 "
        "and says what is proven, or with 5 and says what is wrong.</li>"
        f"<li>{_COMPARE[certificate.subject.kind]}</li>"
        "<li>To see that the log has one history, and says nothing to the contrary: "
        "<code>unvoiced log verify --log LOG --key LOG_KEY --remember FILE</code>.</li></ol>",
        "verify",
    )


def _appendix(certificate: Certificate) -> str:
    return (
        "<section class=appendix><h2>The certificate</h2><p>Saved as a text file, this is what "
        "<code>unvoiced verify</code> reads.</p>"
        f"<pre>{_text(certificate.encode().decode())}</pre></section>"
    )


def _section(heading: str, inner: str, kind: str) -> str:
    return f'<section class="{kind}"><h2>{_text(heading)}</h2>{inner}</section>' if inner else ""


def _items(texts: Iterable[str]) -> str:
    items = "".join(f"<li>{_text(one)}</li>" for one in texts)
    return f"<ul>{items}</ul>" if items else ""


def _definitions(rows: Iterable[tuple[str, str]]) -> str:
    """Rows of a name and a value; the value is HTML already."""
    inner = "".join(f"<div><dt>{_text(name)}</dt><dd>{value}</dd></div>" for name, value in rows)
    return f"<dl>{inner}</dl>"


def _rests_on(entries: tuple[int, ...]) -> str:
    if not entries:
        return ""
    return ("entry " if len(entries) == 1 else "entries ") + ", ".join(map(str, entries))


def _with_digests(text: str) -> str:
    """Words of 64 hex digits are set as what they are."""
    return " ".join(
        _code(word.rstrip(".,:;")) + _text(word[len(word.rstrip(".,:;")) :])
        if len(word.rstrip(".,:;")) == 64
        else _text(word)
        for word in text.split(" ")
    )


def _cell(row: Json, name: str) -> str:
    return str(row[name]) if isinstance(row, dict) else ""


def _code(text: str) -> str:
    return f"<code>{_text(text)}</code>"


def _text(text: str) -> str:
    return html.escape(text)
