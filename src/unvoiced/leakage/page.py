"""A measuring of leakage as one self-contained page: the picture first, then numbers and limits.

Pure. Nothing is loaded from elsewhere; light and dark follow the reader's own setting.
"""

from html import escape

from unvoiced.leakage.result import Leakage, SetLeakage
from unvoiced.leakage.words import caveats, per_cent, seconds, verdict

_STYLE = """
:root{--ink:#1b1f23;--soft:#59636e;--line:#d5dae0;--paper:#fff;--back:#eef0f3;--bar:#2f5d8a;
 --raw:#8a5a00;--wash:#fdf8ee;--bad:#a3201d}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ec;--soft:#9aa5b1;--line:#3a424b;
 --paper:#1c2127;--back:#12161a;--bar:#7fb0de;--raw:#e0b15c;--wash:#2a2417;--bad:#f08a83}}
*{box-sizing:border-box}
html{background:var(--back);color:var(--ink);
 font:16px/1.55 "Helvetica Neue",Arial,"DejaVu Sans",sans-serif}
body{margin:0}
main{max-width:56rem;margin:2rem auto;padding:2.4rem 2.8rem;background:var(--paper)}
h1{margin:0 0 .4rem;font-size:1.7rem;line-height:1.2}
h2{margin:2rem 0 .5rem;font-size:1.1rem}
p{margin:.5rem 0}
.soft{color:var(--soft)}
.said{font-size:1.1rem}
.limit{padding:.8rem 1.2rem;background:var(--wash);border-left:4px solid var(--raw)}
.weak{padding:.8rem 1.2rem;border:2px solid var(--bad);color:var(--bad);font-weight:600}
svg{width:100%;height:auto;display:block}
svg text{fill:var(--ink);font-size:13px}
svg .soft{fill:var(--soft)}
.scroll{overflow-x:auto}
table{width:100%;border-collapse:collapse;font-size:.88rem}
th,td{padding:.4rem .7rem .4rem 0;border-bottom:1px solid var(--line);text-align:right;
 white-space:nowrap}
th:first-child,td:first-child{text-align:left}
th{font-weight:600}
@media (max-width:44rem){main{margin:0;padding:1.4rem 1rem}}
"""
_LEFT, _WIDE, _ROW, _TOP = 190, 560, 40, 30


def as_page(leakage: Leakage) -> str:
    """The whole page."""
    corpus = leakage.corpus
    shown = "weak" if leakage.attacker_too_weak else "said"
    said = f'<p class="{shown}">{escape(verdict(leakage))}</p>'
    limits = "".join(f"<li>{escape(one)}</li>" for one in caveats(leakage))
    missing = "".join(f"<li>{escape(one)}</li>" for one in leakage.not_measured)
    about = f" ({corpus.kind})" if corpus.kind else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>What features give away</title><style>{_STYLE}</style></head><body><main>"
        "<h1>What features give away</h1>"
        f'<p class="soft">Measured {escape(leakage.measured)} on {corpus.speakers:,} speakers, '
        f"{corpus.recordings:,} recordings{escape(about)}; {corpus.attacked:,} of the speakers "
        "were attacked.</p>"
        f"{said}{as_svg(leakage)}"
        '<p class="soft">How often the strongest attacker errs in telling whether two pieces of '
        "features are one person's. 50 % is guessing; the shorter the bar, the surer they are. The "
        "thin line is where 95 % of bootstraps over speakers lie.</p>"
        f"<h2>In numbers</h2>{_table(leakage)}"
        f'<h2>How to read it</h2><div class="limit"><ul>{limits}</ul></div>'
        f"<h2>What was not measured</h2><ul>{missing}</ul>"
        "</main></body></html>\n"
    )


def as_svg(leakage: Leakage) -> str:
    """Bars of equal error rate, each beside chance and the raw recordings."""
    rows = [
        ("raw recordings", leakage.raw_eer, leakage.raw_interval, "var(--raw)"),
        *((one.feature_set, one.eer, one.interval, "var(--bar)") for one in leakage.sets),
    ]
    height = _TOP + _ROW * len(rows) + 34
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDE + 90} {height}" '
        'role="img"><title>Equal error rate of the strongest attacker, by feature set</title>'
    ]
    bottom = _TOP + _ROW * len(rows)
    for tick in (0, 10, 20, 30, 40, 50):
        x, dash = _at(tick), "" if tick == leakage.chance else ' stroke-dasharray="2 4"'
        label = f"{tick} %" + (", chance" if tick == leakage.chance else "")
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 8}" y2="{bottom}" '
            f'stroke="var(--soft)"{dash}/><text class="soft" x="{x:.1f}" y="{bottom + 20}" '
            f'text-anchor="middle">{label}</text>'
        )
    raw = _at(leakage.raw_eer)
    parts.append(
        f'<line x1="{raw:.1f}" x2="{raw:.1f}" y1="{_TOP - 8}" y2="{bottom}" stroke="var(--raw)"/>'
    )
    for number, (name, rate, interval, colour) in enumerate(rows):
        y = _TOP + _ROW * number
        parts.append(
            f'<text x="{_LEFT - 10}" y="{y + 18}" text-anchor="end">{escape(name)}</text>'
            f'<rect x="{_LEFT}" y="{y + 4}" width="{max(1.0, _at(rate) - _LEFT):.1f}" height="20" '
            f'fill="{colour}"><title>{escape(name)}: {rate:.1f} %</title></rect>'
        )
        end = rate
        if interval is not None:
            low, end = interval
            parts.append(
                f'<line x1="{_at(low):.1f}" x2="{_at(end):.1f}" y1="{y + 29}" y2="{y + 29}" '
                'stroke="var(--ink)" stroke-width="2"/>'
            )
        parts.append(f'<text x="{_at(max(end, rate)) + 8:.1f}" y="{y + 19}">{rate:.1f} %</text>')
    return "".join([*parts, "</svg>"])


def _at(rate: float) -> float:
    return _LEFT + _WIDE * min(rate, 50.0) / 50


def _table(leakage: Leakage) -> str:
    lengths = [length for length, _ in leakage.raw_eer_by_seconds]
    shorter = lengths[:-1]
    headings = [
        "",
        "EER",
        "95 %",
        "picked out",
        *(f"EER, {seconds(length)}" for length in shorter),
        "outside EER",
        "rebuilt: cosine",
        "rebuilt: picked out",
    ]
    chance = 100 / leakage.corpus.attacked if leakage.corpus.attacked else None
    rows = [
        ["chance", per_cent(leakage.chance), "", per_cent(chance), *("" for _ in shorter), "",
         _number(leakage.stranger_cosine), per_cent(chance)],
        ["raw recordings", per_cent(leakage.raw_eer), _between(leakage.raw_interval),
         per_cent(leakage.raw_rank1),
         *(per_cent(rate) for _, rate in leakage.raw_eer_by_seconds[:-1]),
         per_cent(leakage.raw_eer), _number(leakage.raw_cosine), per_cent(leakage.raw_rank1)],
        *(_row(one, shorter) for one in leakage.sets),
    ]  # fmt: skip
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        "</div>"
    )


def _row(one: SetLeakage, shorter: list[float]) -> list[str]:
    by_seconds = dict(one.eer_by_seconds)
    return [
        one.feature_set,
        per_cent(one.eer),
        _between(one.interval),
        per_cent(one.rank1),
        *(per_cent(by_seconds.get(length)) for length in shorter),
        per_cent(one.outside_eer),
        _number(one.reconstruction_cosine),
        per_cent(one.reconstruction_rank1),
    ]


def _between(interval: tuple[float, float] | None) -> str:
    return f"{interval[0]:.1f} to {interval[1]:.1f}" if interval else ""


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
