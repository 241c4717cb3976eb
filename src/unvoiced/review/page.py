"""The report as a page for people: one HTML file without scripts or anything from elsewhere. Pure.

It shows what was found and proves nothing: what a reviewer signed is the JSON.
"""

from collections.abc import Iterable, Sequence

from unvoiced.audit.reviews import SignedReview
from unvoiced.review.picture import LETTERS, as_svg
from unvoiced.review.plain import command, in_html
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
        f"<h1>Who can reach what: {in_html(report.log)}</h1>",
        _head(report, signed),
        f'<div class="picture">{as_svg(report)}</div>',
        "<p class=note>The letter is the worst that somebody can do there: "
        f"{in_html(letters)}. Red is beyond the role table, blue within. The dot: features were "
        "read, by the trail. On the right: when they last did anything at all.</p>",
        _section(
            f"What should end ({len(report.findings)})",
            ("id", "severity", "who", "what", "why it matters", "by the table", "command"),
            [
                (
                    f"<code>{one.identity}</code>",
                    f'<span class="{one.severity}">{one.severity}</span>',
                    in_html(one.who),
                    in_html(f"{one.name}: {one.what}")
                    + (f"<br><b>kept:</b> {in_html(kept[one.identity])}"
                       if one.identity in kept else ""),
                    in_html(one.why),
                    in_html(one.right),
                    f"<code>{in_html(command(one.fix))}</code>",
                )
                for one in report.findings
            ],
        ),
        _section(
            f"What could not be decided ({len(report.gaps)})",
            ("what", "why", "command"),
            [
                (in_html(gap.what), in_html(gap.why),
                 f"<code>{in_html(command(gap.command))}</code>")
                for gap in report.gaps
            ],
        ),
        _section(
            "Who read features",
            ("requester", "who", "objects", "on days", "last", "for", "from"),
            [
                (
                    *(in_html(str(use[name])) for name in ("requester", "who", "objects", "days")),
                    in_html(str(use["last"])),
                    in_html(", ".join(use["purposes"])),
                    in_html(", ".join(use["sources"])),
                )
                for use in report.uses
            ],
        ),
        _section(
            "Approvals in force",
            ("requester", "for", "objects a day", "until", "by", "because"),
            [
                tuple(
                    in_html(str(one[name]))
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
    title = f"Access review: {in_html(report.log)}"
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
    made = f"<p>Made {report.made:%Y-%m-%d %H:%M} UTC by {in_html(report.made_by[0])}.</p>"
    if signed is None:
        return (
            f"{made}<p class=draft>A draft: nobody signed it. A review is what a person looked at "
            "and signed (<code>unvoiced review --sign</code>).</p>"
        )
    review = signed.review
    note = f"<p>{in_html(review.note)}</p>" if review.note else ""
    return (
        f"{made}<p>Signed {in_html(review.time)} by {in_html(review.reviewer)} "
        f"({in_html(review.source)}).</p>{note}<p class=note>The log has "
        f"<code>{signed.digest}</code>.</p>"
    )


def _section(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>\n" for row in rows)
    if not body:
        return f"<h2>{in_html(title)}</h2><p>None.</p>"
    head = "".join(f"<th scope=col>{in_html(column)}</th>" for column in columns)
    rows_of_it = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    return f"<h2>{in_html(title)}</h2><table>{rows_of_it}</table>"


def _list(items: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{in_html(item)}</li>" for item in items) + "</ul>"
