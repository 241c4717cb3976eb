"""The report as a page for people: one HTML file without scripts or anything from elsewhere. Pure.

It shows what was found and proves nothing: what a reviewer signed is the JSON.
"""

from collections.abc import Iterable, Sequence
from html import escape

from unvoiced.audit.reviews import SignedReview
from unvoiced.review.picture import LETTERS, as_svg
from unvoiced.review.report import Report

_STYLE = """
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.7rem; line-height: 1.2; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .8rem .4rem 0;
  overflow-wrap: anywhere; }
tr { border-bottom: 1px solid #8886; break-inside: avoid; }
code { font: .82em ui-monospace, monospace; } .picture { overflow-x: auto; }
.high { color: #c9504a; } .note { opacity: .75; font-size: .9rem; max-width: 50rem; }
.draft { border-left: 4px solid #c98a1d; padding: .6rem 1rem; }
"""


def as_html(report: Report, signed: SignedReview | None = None) -> str:
    """The page; of a report that nobody signed it says so."""
    letters = ", ".join(f"{letter} {ability}" for ability, letter in LETTERS.items())
    kept = signed.review.kept if signed else report.kept
    parts = [
        f"<h1>Who can reach what: {escape(report.log)}</h1>",
        _head(report, signed),
        f'<div class="picture">{as_svg(report)}</div>',
        f"<p class=note>The letter is the worst that somebody can do there: {escape(letters)}. Red "
        "is beyond the role table, blue within. The dot: features were read, by the trail. On the "
        "right: when they last did anything at all.</p>",
        _section(
            f"What should end ({len(report.findings)})",
            ("id", "severity", "who", "what", "why it matters", "by the table", "command"),
            [
                (
                    f"<code>{one.identity}</code>",
                    f'<span class="{one.severity}">{one.severity}</span>',
                    escape(one.who),
                    escape(f"{one.name}: {one.what}")
                    + (f"<br><b>kept:</b> {escape(kept[one.identity])}"
                       if one.identity in kept else ""),
                    escape(one.why),
                    escape(one.right),
                    f"<code>{escape(one.fix)}</code>",
                )
                for one in report.findings
            ],
        ),
        _section(
            f"What could not be decided ({len(report.gaps)})",
            ("what", "why", "command"),
            [
                (escape(gap.what), escape(gap.why), f"<code>{escape(gap.command)}</code>")
                for gap in report.gaps
            ],
        ),
        _section(
            "Who read features",
            ("requester", "who", "objects", "on days", "last", "for", "from"),
            [
                (
                    *(escape(str(use[name])) for name in ("requester", "who", "objects", "days")),
                    escape(str(use["last"])),
                    escape(", ".join(use["purposes"])),
                    escape(", ".join(use["sources"])),
                )
                for use in report.uses
            ],
        ),
        _section(
            "Approvals in force",
            ("requester", "for", "objects a day", "until", "by", "because"),
            [
                tuple(
                    escape(str(one[name]))
                    for name in (
                        "requester", "purpose", "objects", "until", "approved_by", "because"
                    )
                )
                for one in report.approvals
            ],
        ),
        "<h2>What no review like this can tell</h2>",
        _list(report.limits),
    ]  # fmt: skip
    title = f"Access review: {escape(report.log)}"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(part for part in parts if part)
        + "\n</body>\n</html>\n"
    )


def _head(report: Report, signed: SignedReview | None) -> str:
    made = f"<p>Made {report.made:%Y-%m-%d %H:%M} UTC by {escape(report.made_by[0])}.</p>"
    if signed is None:
        return (
            f"{made}<p class=draft>A draft: nobody signed it. A review is what a person looked at "
            "and signed (<code>unvoiced review --sign</code>).</p>"
        )
    review = signed.review
    note = f"<p>{escape(review.note)}</p>" if review.note else ""
    return (
        f"{made}<p>Signed {escape(review.time)} by {escape(review.reviewer)} "
        f"({escape(review.source)}).</p>{note}<p class=note>The log has "
        f"<code>{signed.digest}</code>.</p>"
    )


def _section(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>\n" for row in rows)
    if not body:
        return f"<h2>{escape(title)}</h2><p>None.</p>"
    head = "".join(f"<th scope=col>{escape(column)}</th>" for column in columns)
    rows_of_it = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    return f"<h2>{escape(title)}</h2><table>{rows_of_it}</table>"


def _list(items: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ul>"
