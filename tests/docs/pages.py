"""The pages of the documentation, and what stands in them."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [ROOT / "README.md", ROOT / "deployments/aws/README.md", *(ROOT / "docs").rglob("*.md")]
)
_FENCE = re.compile(r"^( *)```(\S*)[^\n]*\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"(`+)(.+?)\1", re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def text(name: str) -> str:
    """A file's text, by its path in the checkout."""
    return (ROOT / name).read_text(encoding="utf-8")


def fenced(page: Path) -> Iterator[tuple[str, str]]:
    """(language, text) of every fenced block."""
    for indent, kind, block in _FENCE.findall(page.read_text(encoding="utf-8")):
        yield kind, re.sub(f"^{indent}", "", block, flags=re.MULTILINE)


def indented(page: Path) -> Iterator[str]:
    """Every block that is code by its indentation, without it."""
    rest = _FENCE.sub("", page.read_text(encoding="utf-8"))
    for block in re.findall(r"(?:(?<=\n\n)|\A)((?:(?:    .*|)\n)*    .*\n?)", rest):
        lines = [line for line in block.splitlines() if line.strip()]
        if lines and all(line.startswith("    ") for line in lines):
            least = min(len(line) - len(line.lstrip()) for line in lines)
            yield "\n".join(line[least:] for line in block.splitlines()) + "\n"


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    rest = _FENCE.sub("", page.read_text(encoding="utf-8"))
    return "\n".join(line for line in rest.splitlines() if not line.startswith("    "))


def inline(page: Path) -> set[str]:
    """What stands in backticks."""
    return {code.strip() for _, code in _CODE.findall(prose(page))}


def links(page: Path) -> set[str]:
    """Where a page's links lead; what looks like one in backticks is none."""
    return set(_LINK.findall(_CODE.sub("", prose(page))))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and the site make them."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ +(.+)$", prose(page), re.MULTILINE):
        plain = re.sub(r"[`*]|\]\([^)]*\)|\[", "", heading).strip().lower()
        slug = re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", plain))
        found.add(slug if slug not in found else f"{slug}_1")
    return found
