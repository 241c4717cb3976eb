"""The picture of a review: principals by what they reach, as SVG text. Pure.

A cell's letter is the worst that somebody can do there; red is beyond the role table, blue within.
A dot says that it is known to have been used: of features by the trail, of a role by IAM.
"""

from collections.abc import Mapping

from unvoiced.review.known import Reach
from unvoiced.review.plain import in_html
from unvoiced.review.report import Report
from unvoiced.review.targets import Ability

_WORST = list(Ability)
LETTERS: Mapping[Ability, str] = {
    Ability.MANAGE: "M", Ability.OPEN: "O", Ability.SIGN: "S", Ability.BECOME: "B",
    Ability.READ: "R", Ability.DESTROY: "D", Ability.WRITE: "W", Ability.LIST: "L",
}  # fmt: skip
# Darker is worse: what changes rights, then what opens, then what touches, then what only looks.
_SHADE = {
    Ability.MANAGE: 0, Ability.OPEN: 0, Ability.SIGN: 0, Ability.BECOME: 0,
    Ability.READ: 1, Ability.DESTROY: 1, Ability.WRITE: 2, Ability.LIST: 3,
}  # fmt: skip
_WITHIN = ("#2f5d8a", "#5d8cb8", "#9dbfdc", "#d6e4f0")
_BEYOND = ("#a3201d", "#c9504a", "#e39a93", "#f6d9d6")
_CELL, _TOP, _LEFT = 26, 170, 250


def as_svg(report: Report) -> str:
    """The matrix, those with anything beyond the table first."""
    rows = _rows(report)
    columns = list(report.targets)
    width, height = _LEFT + _CELL * len(columns) + 130, _TOP + _CELL * len(rows) + 14
    used = {str(use["who"]) for use in report.uses}
    last = {str(one["who"]): one["last_used"] for one in report.principals}
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" font-family="sans-serif" font-size="12">',
        "<title>Who can reach what: a letter is the worst they can do there; red is beyond the "
        "role table</title>",
    ]
    for number, column in enumerate(columns):
        x, y = _LEFT + _CELL * number + 17, _TOP - 8
        parts.append(
            f'<text x="{x}" y="{y}" transform="rotate(-55 {x} {y})" fill="currentColor">'
            f"<title>{in_html(column)}</title>{in_html(_short(column, 24))}</text>"
        )
    for number, (who, cells) in enumerate(rows):
        y = _TOP + _CELL * number
        parts.append(
            f'<text x="{_LEFT - 8}" y="{y + 17}" text-anchor="end" fill="currentColor">'
            f"<title>{in_html(who)}</title>{in_html(_short(who, 36))}</text>"
        )
        for at, column in enumerate(columns):
            dot = column == "training" and who in used
            parts.append(_cell(_LEFT + _CELL * at, y, cells.get(column, []), used=dot))
        parts.append(
            f'<text x="{_LEFT + _CELL * len(columns) + 8}" y="{y + 17}" fill="currentColor" '
            f'opacity=".65">{in_html(_when(last.get(who)))}</text>'
        )
    return "".join([*parts, "</svg>"])


def _rows(report: Report) -> list[tuple[str, dict[str, list[Reach]]]]:
    rows: dict[str, dict[str, list[Reach]]] = {}
    for one in report.reaches:
        rows.setdefault(one.who, {}).setdefault(one.target, []).append(one)
    beyond = {one.who for one in report.reaches if not one.in_table}
    return sorted(rows.items(), key=lambda row: (row[0] not in beyond, row[0]))


def _cell(x: int, y: int, reaches: list[Reach], *, used: bool) -> str:
    if not reaches:
        return (
            f'<rect x="{x}" y="{y}" width="24" height="24" fill="none" stroke="currentColor" '
            'opacity=".12"/>'
        )
    beyond = [one for one in reaches if not one.in_table]
    worst = min((one.ability for one in beyond or reaches), key=_WORST.index)
    colour = (_BEYOND if beyond else _WITHIN)[_SHADE[worst]]
    ink = "#fff" if _SHADE[worst] < 2 else "#1b1f23"
    said = "; ".join(
        f"{one.ability} by {one.by}{' (beyond the table)' if not one.in_table else ''}"
        for one in reaches
    )
    dot = f'<circle cx="{x + 20}" cy="{y + 4}" r="3" fill="#f2b705"/>' if used else ""
    return (
        f'<g><title>{in_html(said)}</title><rect x="{x}" y="{y}" width="24" height="24" '
        f'fill="{colour}"/><text x="{x + 12}" y="{y + 17}" text-anchor="middle" fill="{ink}">'
        f"{LETTERS[worst]}</text>{dot}</g>"
    )


def _short(text: str, most: int) -> str:
    text = text.rpartition("/")[2] if text.startswith("arn:") and "/" in text else text
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _when(last: object) -> str:
    if last is None:
        return "use not known"
    return f"used {str(last)[:10]}" if last else "never used"
