"""Drawing: a picture as inline SVG, made of few shapes. Pure.

Colours and fonts come from the page's style sheet, by class, so that a picture follows light and
dark, and its text can be selected. Each has a title and a description for who cannot see it.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from html import escape


class Drawing:
    """Shapes on an area of so many units, which are pixels where the page is as wide as that."""

    def __init__(self, width: float, height: float, title: str, described: str) -> None:
        self.width, self.height = width, height
        self._title, self._described = title, described
        self._parts: list[str] = []

    def rect(
        self, x: float, y: float, width: float, height: float, kind: str, says: str = ""
    ) -> None:
        """A bar; `says` is shown where the pointer rests."""
        radius = min(2.0, width / 2, height / 2)
        said = f"<title>{escape(says)}</title></rect>" if says else "</rect>"
        self._parts.append(
            f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.5):.1f}" '
            f'height="{max(height, 0.5):.1f}" rx="{radius:.1f}">{said}'
        )

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str) -> None:
        """A straight line."""
        self._parts.append(
            f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'
        )

    def path(
        self, points: Sequence[tuple[float, float]], kind: str, *, closed: bool = False
    ) -> None:
        """Straight lines from point to point."""
        if points:
            drawn = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
            self._parts.append(f'<path class="{kind}" d="M{drawn}{"Z" if closed else ""}"/>')

    def dot(self, x: float, y: float, radius: float, kind: str, says: str = "") -> None:
        """A filled circle."""
        said = f"<title>{escape(says)}</title>" if says else ""
        self._parts.append(
            f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}">{said}</circle>'
        )

    def text(self, x: float, y: float, text: str, kind: str = "t", anchor: str = "start") -> None:
        """A line of text; `anchor` is start, middle or end."""
        self._parts.append(
            f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">'
            f"{escape(text)}</text>"
        )

    def __str__(self) -> str:
        """The element."""
        shapes = "".join(self._parts)
        # Two that are alike in everything may share their title.
        name = f"p{sha256((self._title + shapes).encode()).hexdigest()[:12]}"
        return (
            f'<svg viewBox="0 0 {self.width:g} {self.height:g}" role="img" '
            f'aria-labelledby="{name} {name}d"><title id="{name}">{escape(self._title)}</title>'
            f'<desc id="{name}d">{escape(self._described)}</desc>{shapes}</svg>'
        )


def ticks(most: float) -> list[float]:
    """Round numbers from 0 to about `most`: two to five steps, whole ones."""
    if most <= 4:
        return [float(n) for n in range(int(max(most, 1)) + 1)]
    step = 1.0
    while True:
        for factor in (1, 2, 5):
            if most / (step * factor) <= 4.5:
                top = step * factor
                return [n * top for n in range(int(most // top) + 1)]
        step *= 10


def evenly(items: Sequence[int], most: int) -> Iterable[int]:
    """Some of the numbers, evenly apart and the last among them."""
    if not items:
        return []
    step = max(1, -(-len(items) // most))
    return [items[at] for at in range(len(items) - 1, -1, -step)]
