"""Pieces of the page. Every text is escaped here, whoever chose it. Pure.

What is in backquotes is set as code: commands that a reader may type.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from unvoiced.report.svg import Drawing

_CODE = re.compile(r"`([^`]+)`")
SCREEN, PHONE = 1000.0, 350.0  # widths that pictures are drawn for


@dataclass(frozen=True)
class Section:
    """A part of the page: its heading, whom it is for first, and its pieces."""

    name: str  # its anchor
    title: str
    readers: str
    body: str

    def __str__(self) -> str:
        """The element."""
        return (
            f'<section id="{self.name}"><span class="for">{text(self.readers)}</span>'
            f"<h2>{text(self.title)}</h2>{self.body}</section>"
        )


@dataclass(frozen=True)
class Cell:
    """A cell that is not plain text: a number, a long text, or a state with its colour."""

    said: str
    kind: str


def text(said: str) -> str:
    """A text, safe to stand in the page."""
    return _CODE.sub(r"<code>\1</code>", escape(said))


def paragraph(said: str, kind: str = "") -> str:
    """A paragraph."""
    return f'<p class="{kind}">{text(said)}</p>' if kind else f"<p>{text(said)}</p>"


def number(value: int | str) -> Cell:
    """A number, to stand on the right."""
    return Cell(f"{value:,}" if isinstance(value, int) else value, "n")


def table(headings: Sequence[str], rows: Sequence[Sequence[str | Cell]]) -> str:
    """A table; headings of numbers stand where their numbers do."""
    if not rows:
        return ""
    right = [isinstance(cell, Cell) and cell.kind == "n" for cell in rows[0]]
    head = "".join(
        f'<th scope="col"{" class=n" if at_right else ""}>{text(heading)}</th>'
        for heading, at_right in zip(headings, right, strict=True)
    )
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return (
        f'<div class="scroll" tabindex="0"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _cell(cell: str | Cell) -> str:
    if isinstance(cell, str):
        return f"<td>{text(cell)}</td>"
    if cell.kind.startswith("state"):
        return f'<td><span class="{cell.kind}">{text(cell.said)}</span></td>'
    return f'<td class="{cell.kind}">{text(cell.said)}</td>'


def behind(rows: str, summary: str = "The numbers") -> str:
    """A table that opens when it is asked for."""
    return f"<details><summary>{text(summary)}</summary>{rows}</details>" if rows else ""


def legend(entries: Sequence[tuple[str, str]]) -> str:
    """What colours mean: (class, words)."""
    items = "".join(f'<li><i class="{kind}"></i>{text(said)}</li>' for kind, said in entries)
    return f'<ul class="legend">{items}</ul>'


def figure(caption: str, draw: Callable[[float], Drawing], below: str = "") -> str:
    """A picture, drawn for a screen and for a phone, and what stands below it."""
    return (
        f'<figure><figcaption>{text(caption)}</figcaption><div class="screen">{draw(SCREEN)}</div>'
        f'<div class="phone">{draw(PHONE)}</div>{below}</figure>'
    )


def definitions(entries: Sequence[tuple[str, str]]) -> str:
    """Terms and what they are; a value in backquotes is code."""
    rows = "".join(f"<dt>{text(term)}</dt><dd>{text(said)}</dd>" for term, said in entries)
    return f"<dl>{rows}</dl>"


def bullets(entries: Sequence[str]) -> str:
    """A list."""
    return f'<ul class="plain">{"".join(f"<li>{text(one)}</li>" for one in entries)}</ul>'


def commands(lines: Sequence[str]) -> str:
    """Commands to copy."""
    return f"<pre>{escape(chr(10).join(lines))}</pre>"
