"""The pictures of docs/performance.md, from what the benchmarks saved.

They stand on a white card, so that they can be read on light and on dark pages. Colours are Okabe
and Ito's (2008), which eyes of every kind tell apart; what matters is written beside the colour.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

FOLDER = Path(__file__).parents[1] / "docs" / "figures"
BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#E69F00", "#009E73", "#CC79A7"
SKY, RED, YELLOW, GREY, BLACK = "#56B4E9", "#D55E00", "#F0E442", "#9A9A9A", "#000000"
_LINES = (BLUE, RED, GREEN, ORANGE, PURPLE, SKY, BLACK)
_DASHES = ("-", "--", ":")
_MARKERS = "os^DvP*Xhd<>p8"

Rows = Sequence[tuple[str, float, str]]  # a label, a value, and a colour

plt.rcParams.update(
    {
        "font.size": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "svg.hashsalt": "unvoiced",
        "svg.fonttype": "none",  # text stays text: a tenth of the size, and it can be searched
        "figure.facecolor": "white",
        "savefig.facecolor": "white",
    }
)


def keep(figure: Figure, name: str) -> str:
    """Write a picture; returns its name as the page links it."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"performance-{name}.svg"
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)
    return f"figures/{path.name}"


def ratio_bars(panels: Mapping[str, Rows], axis: str, name: str) -> str:
    """Panels of horizontal bars, one below the other, with a line at 1."""
    heights = [len(rows) + 0.9 for rows in panels.values()]
    figure, axes = plt.subplots(
        len(panels), 1, figsize=(8, 0.36 * sum(heights) + 0.6), squeeze=False,
        gridspec_kw={"height_ratios": heights},
    )  # fmt: skip
    most = max(value for rows in panels.values() for _, value, _ in rows)
    for ax, (title, rows) in zip(axes[:, 0], panels.items(), strict=True):
        _bars(ax, rows, most)
        ax.set_title(title, loc="left", fontsize=10, fontweight="bold")
        if ax is not axes[-1, 0]:
            ax.tick_params(axis="x", length=0, labelbottom=False)
    axes[-1, 0].set_xlabel(axis)
    figure.tight_layout(h_pad=0.8)
    return keep(figure, name)


def _bars(ax: Axes, rows: Rows, most: float) -> None:
    places = range(len(rows), 0, -1)
    ax.barh(places, [value for _, value, _ in rows], color=[colour for *_, colour in rows])
    for place, (_, value, _) in zip(places, rows, strict=True):
        shown = f"{value:.0f}" if value >= 10 else f"{value:.2g}"
        ax.text(value + most * 0.01, place, shown, va="center")
    ax.axvline(1, color=BLACK, linewidth=0.8, linestyle=":")
    ax.set_yticks(places, [label for label, *_ in rows])
    ax.set_xlim(0, most * 1.08)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", color="#e5e5e5")


def stacked_bars(
    parts: Mapping[str, Mapping[str, float]], colours: Mapping[str, str], name: str
) -> str:
    """One bar of 100 % for each row, of the parts that it is made of; totals in ms behind it."""
    figure, ax = plt.subplots(figsize=(9, 0.55 * len(parts) + 1.5))
    places = list(range(len(parts), 0, -1))
    for place, shares in zip(places, parts.values(), strict=True):
        total, left = sum(shares.values()), 0.0
        for part, seconds in shares.items():
            share = 100 * seconds / total
            ax.barh(place, share, left=left, color=colours[part], edgecolor="white", height=0.7)
            if share >= 4:
                dark = colours[part] in {BLUE, GREEN, RED, BLACK}
                ax.text(left + share / 2, place, f"{share:.0f}", ha="center", va="center",
                        color="white" if dark else "black")  # fmt: skip
            left += share
        ax.text(101, place, f"{total * 1e3:.2f} ms", va="center")
    ax.set_yticks(places, list(parts))
    ax.set_xlim(0, 112)
    ax.set_xticks(range(0, 101, 20))
    ax.set_xlabel("% of the CPU time of a recording of 10 s; behind the bar, all of it")
    ax.tick_params(axis="y", length=0)
    keys = [plt.Rectangle((0, 0), 1, 1, color=colour) for colour in colours.values()]
    ax.legend(keys, list(colours), loc="lower center", bbox_to_anchor=(0.45, 1.0), ncols=4,
              frameon=False)  # fmt: skip
    return keep(figure, name)


def growth(
    panels: Mapping[str, Mapping[str, tuple[Sequence[float], Sequence[float]]]],
    axis: str,
    name: str,
    guides: Mapping[str, float],
) -> str:
    """Panels of lines on logarithmic axes, side by side; a dotted guide of slope 1 in each.

    `guides` says, by panel, what the guide starts at; a panel without one has none.
    """
    figure, axes = plt.subplots(1, len(panels), figsize=(6.2 * len(panels), 4.6), squeeze=False)
    labels = dict.fromkeys(label for lines in panels.values() for label in lines)
    looks = {
        label: (_LINES[i % len(_LINES)], _DASHES[i // len(_LINES)], _MARKERS[i % len(_MARKERS)])
        for i, label in enumerate(labels)
    }
    for ax, (title, lines) in zip(axes[0], panels.items(), strict=True):
        for label, (xs, ys) in lines.items():
            colour, dash, marker = looks[label]
            ax.plot(xs, ys, dash, color=colour, marker=marker, markersize=5, label=label)
        if title in guides:
            ends = [min(min(xs) for xs, _ in lines.values()),
                    max(max(xs) for xs, _ in lines.values())]  # fmt: skip
            start = guides[title]
            ax.plot(ends, [start, start * ends[1] / ends[0]], ":", color=GREY, label="slope 1")
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set_xlabel(axis)
        ax.set_title(title, loc="left", fontsize=10, fontweight="bold")
        ax.grid(which="major", color="#e5e5e5")
    handles: dict[str, Any] = {}
    for ax in axes[0]:
        handles |= dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    figure.tight_layout()
    figure.legend(handles.values(), handles, loc="upper center", bbox_to_anchor=(0.5, 0.02),
                  ncols=4, frameon=False)  # fmt: skip
    return keep(figure, name)
