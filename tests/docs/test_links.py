"""Links and named files lead somewhere."""

import re
from functools import cache
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, anchors, inline, links

_PLACES = "docs|tests|src|flows|tasks|deployments|benchmarks"

every_page = pytest.mark.parametrize(
    "page", PAGES, ids=lambda page: str(page.relative_to(ROOT)).replace("/", "-")
)


@every_page
def test_links_and_their_anchors_are_there(page: Path) -> None:
    """Relative ones: pages are read in the checkout, and on the site."""
    broken = []
    for link in links(page):
        if re.match("[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file) if file else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@every_page
def test_files_that_a_page_names_are_there(page: Path) -> None:
    """From the root of the checkout, or from beside the page; a test by its name too."""
    missing = []
    for code in inline(page):
        match = re.fullmatch(rf"((?:{_PLACES})/[\w./-]+|[\w-]+\.md)", code)
        if match and not (ROOT / code).exists() and not (page.parent / code).exists():
            missing.append(code)
    for test in re.findall(r"`(test_\w+)(?:\.py)?`", page.read_text(encoding="utf-8")):
        if not (any((ROOT / "tests").rglob(f"{test}.py")) or test in _tests()):
            missing.append(test)
    assert missing == []


def test_no_page_links_out_of_the_site() -> None:
    """What lies outside of docs/ is named in plain code: on the site there is no such file."""
    inside = (ROOT / "docs").resolve()
    outside = [
        f"{page.name}: {link}"
        for page in sorted((ROOT / "docs").rglob("*.md"))
        for link in links(page)
        if not re.match("[a-z]+:|#", link)
        and not (page.parent / link.partition("#")[0]).resolve().is_relative_to(inside)
    ]
    assert outside == []


@cache
def _tests() -> set[str]:
    return {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    }
