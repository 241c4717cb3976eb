"""How well the watch notices exfiltrations, in simulated months.

    python -m benchmarks.exfiltration [seeds]

Prints the tables of docs/watch.md and draws docs/figures/watch-drip.svg. Everything follows from
the seeds, 5000 and on. Limits were tuned on seeds 0 to 14; rules were mended after seeds from 1000
had shown a dump that was missed, from 2000 one that was told late, and from 4000 that a newcomer's
first day stood for too much. `tests/watch/month.py` says what is simulated, `tests/watch/theft.py`
how thefts are put into it. Fifty months take four minutes of CPU.
"""

import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import median

import numpy as np
from rich.console import Console
from rich.table import Table

from tests.watch.month import (
    DAILY,
    HEAVY,
    LIGHT,
    REQUESTERS,
    SCALED,
    TRAINER,
    WEEKLY,
    cause,
)
from tests.watch.theft import (
    Make,
    Noticed,
    around_the_reader,
    before,
    drip,
    dump,
    dump_by_nobody,
    notice,
    overnight,
    stolen,
)

FIRST_SEED, SEEDS = 5000, 50
FIGURE = Path(__file__).parents[1] / "docs/figures/watch-drip.svg"

_OF = {
    TRAINER: "training",
    SCALED: "training",
    WEEKLY: "evaluation",
    DAILY: "evaluation",
    LIGHT: "inspection",
    HEAVY: "inspection",
}
THEFTS: Mapping[str, Make] = {
    **{f"all in five minutes, {who}": dump(who, _OF[who]) for who in _OF},
    "all in five minutes, never seen before": dump_by_nobody,
    **{f"all in a night, {who}": overnight(who, _OF[who]) for who in (LIGHT, HEAVY, TRAINER)},
    **{f"credentials used elsewhere, {who}": stolen(who, _OF[who]) for who in _OF},
    f"drip of 2 % a day, {TRAINER}, what it reads anyway": drip(TRAINER, "training", 0.02),
    f"drip that grows from 0.1 % to 2 %, {LIGHT}": drip(LIGHT, "inspection", 0.001, growth=1.12),
    f"the same, {TRAINER}, what it never reads": drip(TRAINER, "training", 0.001, True, 1.12),
}
SPEEDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.04)
LINES: Mapping[str, Callable[[float], Make]] = {
    DAILY: lambda speed: drip(DAILY, "evaluation", speed),
    LIGHT: lambda speed: drip(LIGHT, "inspection", speed),
    HEAVY: lambda speed: drip(HEAVY, "inspection", speed),
    f"{TRAINER}, what it never reads": lambda speed: drip(TRAINER, "training", speed, twin=True),
    f"{SCALED}, what it never reads": lambda speed: drip(SCALED, "training", speed, twin=True),
}
AROUND = {"one object around the reader": (1, 0), "all in five minutes, around it": (6000, 5)}


def one(seed: int) -> tuple[Counter[str], dict[str, Noticed]]:
    """A month: false alarms by cause, and how each theft was noticed."""
    clean = before(seed)
    noticed = {}
    for name, make in THEFTS.items():
        noticed[name] = notice(clean, make(clean, np.random.default_rng([seed, 1])))
    for name, line in LINES.items():
        for speed in SPEEDS:
            theft = line(speed)(clean, np.random.default_rng([seed, 2]))
            noticed[f"{name}: {speed}"] = notice(clean, theft)
    for name, (objects, minutes) in AROUND.items():
        noticed[name] = around_the_reader(np.random.default_rng([seed, 3]), objects, minutes)
    return Counter(cause(raised) for raised in clean.raised), noticed


def row(results: Sequence[Noticed]) -> tuple[str, ...]:
    """Detected, median and worst delay, and share gone: median and worst, of those detected."""
    found = [each for each in results if each.delay is not None]
    detected = f"{len(found) / len(results):.0%}"
    if not found:
        return detected, "-", "-", "-", "-"
    delays, shares = [each.delay or 0.0 for each in found], [each.share for each in found]
    return (
        detected,
        duration(median(delays)),
        duration(max(delays)),
        *(f"{100 * share:.1f} %" for share in (median(shares), max(shares))),
    )


def duration(minutes: float) -> str:
    """In words."""
    if minutes < 120:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.0f} h" if minutes < 2880 else f"{minutes / 1440:.0f} days"


def draw(shares: Mapping[str, Sequence[float]]) -> None:
    """The share of drips that were noticed within the month, against their speed."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "unvoiced", "svg.fonttype": "none"})
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 3.8), layout="constrained")
    for (name, values), marker in zip(shares.items(), "osv^D", strict=True):
        axes.plot([100 * speed for speed in SPEEDS], values, marker=marker, ms=4, label=name)
    axes.set_xscale("log")
    axes.set_xticks([100 * speed for speed in SPEEDS], [f"{100 * speed:g}" for speed in SPEEDS])
    axes.minorticks_off()
    axes.set(xlabel="% of the data set a working day", ylabel="noticed within 28 days")
    axes.yaxis.set_major_formatter(mpl.ticker.PercentFormatter(1.0))
    figure.legend(loc="outside lower center", ncols=3, fontsize=7)
    FIGURE.parent.mkdir(exist_ok=True)
    figure.savefig(FIGURE, metadata={"Date": None})


def main(seeds: int) -> None:
    """Run it, and print it."""
    with ProcessPoolExecutor(2) as pool:
        results = list(pool.map(one, range(FIRST_SEED, FIRST_SEED + seeds)))
    console = Console()
    table = Table("exfiltration", "noticed", "median", "worst", "gone", "worst", title="Delays")
    for name in (*THEFTS, *AROUND):
        table.add_row(name, *row([noticed[name] for _, noticed in results]))
    console.print(table)
    curves: dict[str, list[float]] = {}
    table = Table("drip, a working day", "noticed", "median", "worst", "gone", "worst")
    for name in LINES:
        for speed in SPEEDS:
            of_one = [noticed[f"{name}: {speed}"] for _, noticed in results]
            table.add_row(f"{100 * speed:g} %, {name}", *row(of_one))
            share = sum(each.delay is not None for each in of_one) / seeds
            curves.setdefault(name, []).append(share)
    console.print(table)
    causes: Counter[str] = sum((each for each, _ in results), Counter())
    months = seeds * len(REQUESTERS)
    console.print(f"Alarms without a theft, in {months} requester-months:")
    for name, count in sorted(causes.items()):
        console.print(f"  {name or 'nothing had changed'}: {count} ({count / months:.4f} each)")
    draw(curves)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else SEEDS)
