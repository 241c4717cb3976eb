"""The schedule as a page: HTML that needs nothing besides itself, or markdown. Pure."""

from html import escape

from unvoiced.retention.schedule import Schedule

_HEADINGS = ("what", "how long it is kept", "why", "how it ends")
_STYLE = """
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.7rem; line-height: 1.2; } h2 { font-size: 1.15rem; margin-top: 1.8rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .5rem .8rem .5rem 0; }
th { font-weight: 600; } tr { border-bottom: 1px solid #8888; break-inside: avoid; }
td:first-child { font-weight: 600; } p { max-width: 44rem; }
footer { margin-top: 2.5rem; opacity: .75; font-size: .9rem; }
@media (max-width: 44rem) {
  thead { display: none; } tr, td { display: block; } td { padding: .15rem 0; } tr { padding: .6rem 0; }
  td::before { content: attr(data-heading) ": "; opacity: .7; }
  td:first-child::before { content: ""; }
}
"""  # noqa: E501 - a style sheet


def as_markdown(schedule: Schedule) -> str:
    """For a terminal, or a site that makes its pages of markdown."""
    rows = [(line.what, line.kept, line.why, line.end) for line in schedule.lines]
    table = "\n".join(f"| {' | '.join(row)} |" for row in (_HEADINGS, ("---",) * 4, *rows))
    notes = "\n\n".join(f"## {heading}\n\n{text}" for heading, text in schedule.notes)
    return f"# {schedule.title}\n\n{table}\n\n{notes}\n\n{_made(schedule)}\n"


def as_html(schedule: Schedule) -> str:
    """One file: no script, nothing fetched from anywhere."""
    head = "".join(f"<th scope='col'>{escape(heading)}</th>" for heading in _HEADINGS)
    rows = "\n".join(
        "<tr>"
        + "".join(
            f"<td data-heading='{heading}'>{escape(cell)}</td>"
            for heading, cell in zip(
                _HEADINGS, (line.what, line.kept, line.why, line.end), strict=True
            )
        )
        + "</tr>"
        for line in schedule.lines
    )
    notes = "\n".join(
        f"<h2>{escape(heading)}</h2>\n<p>{escape(text)}</p>" for heading, text in schedule.notes
    )
    title = escape(schedule.title)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>{title}</h1>
<table>
<thead><tr>{head}</tr></thead>
<tbody>
{rows}
</tbody>
</table>
{notes}
<footer>{escape(_made(schedule))}</footer>
</body>
</html>
"""


def _made(schedule: Schedule) -> str:
    return f"Made on {schedule.made} from the settings that the deletions themselves go by."
