"""The documentation as a site: it builds, its links lead somewhere, and it asks nobody else."""

import functools
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import sync_playwright

from tests.docs.pages import ROOT

pytestmark = pytest.mark.slow
_LOADS = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src",
          "audio": "src", "embed": "src", "object": "data"}  # fmt: skip


class Page(HTMLParser):
    """What a page loads, where it leads, and which anchors it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.leads: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """One element."""
        said = {name: value or "" for name, value in attrs}
        self.anchors |= {said[name] for name in ("id", "name") if name in said}
        if said.get(_LOADS.get(tag, "")):
            self.loads.append(said[_LOADS[tag]])
        # Of a link in the head all but the address of the page itself is fetched, or looked up.
        if tag == "link" and said.get("rel") != "canonical" and "href" in said:
            self.loads.append(said["href"])
        if tag == "a" and "href" in said:
            self.leads.append(said["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make docs` builds, elsewhere; strictly, so that a broken link or anchor ends it."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    """Every page, by its place."""
    found = {file: Page(file.read_text(encoding="utf-8")) for file in site.rglob("*.html")}
    assert len(found) > len(list((ROOT / "docs").rglob("*.md")))
    return found


def test_no_page_loads_anything_from_another_host(pages: dict[Path, Page], site: Path) -> None:
    """Nor does a style sheet."""
    loaded = {what for page in pages.values() for what in page.loads}
    assert loaded
    assert {what for what in loaded if urlsplit(what).netloc} == set()
    for sheet in site.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        assert "url(http" not in text
        assert "url(//" not in text
        assert "@import" not in text


def test_every_link_of_every_page_leads_somewhere(pages: dict[Path, Page]) -> None:
    """To a file that was built, and an anchor it has."""
    broken = set()
    for place, page in pages.items():
        if place.name == "404.html":
            continue
        for link in page.leads:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or link == ".":
                continue
            target = (place.parent / unquote(parts.path)).resolve() if parts.path else place
            there = pages.get(target)
            anchor = unquote(parts.fragment)
            if not target.exists() or (anchor and there and anchor not in there.anchors):
                broken.add(f"{place.name}: {link}")
    assert broken == set()


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder without a word."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def address(site: Path) -> Iterator[str]:
    """The site, on this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.server
def test_a_browser_asks_nobody_else(address: str) -> None:
    """Chromium opens pages of each kind, and searches: each request goes to the site itself."""
    asked: set[str] = set()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        tab = browser.new_page()
        tab.on("request", lambda request: asked.add(request.url))
        for page in ("decisions/protocol", "performance", "reading", "threat-model", "index"):
            tab.goto(f"{address}/{page}.html", wait_until="load")
        tab.locator("input.md-search__input").fill("retention")
        tab.wait_for_selector(".md-search-result__item a", timeout=180_000)
        browser.close()
    assert any("search_index" in url for url in asked)
    assert {url for url in asked if not url.startswith((address, "data:", "blob:"))} == set()
