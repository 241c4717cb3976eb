"""Prefect's UI as somebody at a screen has it: headless Chromium, logged in."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from tests.integration.local_server import LocalServer

# As root, without a graphics card, and asking nobody outside for anything.
_OPTIONS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
_PATIENCE = 60_000  # milliseconds; two cores are shared with a server and a worker


class Screens:
    """The pages of one server; each that is shown is also kept as a picture in `folder`."""

    def __init__(self, page: Page, folder: Path, ui: str) -> None:
        self.page = page
        self.shown: list[str] = []  # the text of every page
        self._folder = folder
        self._ui = ui

    def log_in(self, auth: str) -> None:
        """As a person does."""
        self.page.goto(f"{self._ui}/v2/login")
        self.page.locator("input").fill(auth)
        self.page.keyboard.press("Enter")
        self.page.wait_for_url("**/dashboard**")

    def show(self, path: str, name: str, *texts: str) -> str:
        """Open a page of the UI, or a file, wait until each text stands there, and keep a picture.

        Returns all text of the page.
        """
        self.page.goto(path if "://" in path else f"{self._ui}/v2/{path}")
        for text in texts:
            expect(self.page.get_by_text(text).first).to_be_visible()
        self.page.wait_for_timeout(1_000)  # what slides in has arrived
        self.page.screenshot(path=self._folder / f"{name}.png")
        self.shown.append(self.page.inner_text("body"))
        return self.shown[-1]


@contextmanager
def screens(server: LocalServer, folder: Path) -> Iterator[Screens]:
    """A browser, logged in. Pictures go to `folder`, or to where UNVOICED_SCREENS says."""
    chromium = shutil.which("chromium")
    assert chromium is not None, "Debian's package chromium is not installed (.ci/run installs it)"
    folder = Path(os.environ.get("UNVOICED_SCREENS") or folder)
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=_OPTIONS)
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.set_default_timeout(_PATIENCE)
        expect.set_options(timeout=_PATIENCE)
        shown = Screens(page, folder, server.url.removesuffix("/api"))
        shown.log_in(server.auth)
        yield shown
        browser.close()
