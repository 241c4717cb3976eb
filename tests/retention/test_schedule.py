"""The public schedule says what the settings say, and not a word more."""

import re
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from typing import Any

import pytest

from tests.ingest.home import Home
from unvoiced.config import Settings
from unvoiced.retention.schedule import make_schedule
from unvoiced.retention.schedule_page import as_html, as_markdown
from unvoiced.sections import PRESETS, DisposalSettings, RetentionSettings

TODAY = date(2026, 11, 23)


def settings(blank: Home, *, archive: tuple[str, ...] = (), **days: Any) -> Settings:
    """Settings with these under [retention]."""
    return replace(
        blank.settings,
        retention=RetentionSettings.given(days),
        disposal=DisposalSettings(archive=archive),
    )


def page(found: Settings, contact: str = "", originals: int = 0) -> str:
    """The page as text, each paragraph a line."""
    return as_markdown(make_schedule(found, TODAY, contact, originals=originals))


def test_every_limit_that_is_set_stands_in_it(blank: Home) -> None:
    """Each by its own number."""
    text = page(
        settings(blank, archive=("*",), raw_days=11, quarantine_days=12, archive_days=13,
                 features_days=14, inactive_days=15, audit_days=16,
                 purpose_satisfied="2031-05-06")
    )  # fmt: skip
    for number in range(11, 17):
        assert f"{number} days" in text
    assert "2031-05-06" in text
    assert "no limit" not in text


def test_a_limit_that_is_not_set_is_said_to_be_none(blank: Home) -> None:
    """And nothing is said of an archive, or of silence, where there is none."""
    text = page(settings(blank))
    assert "no limit has been set: until you ask for your erasure" in text
    assert "No day has been set" in text
    assert "archived: " not in text
    assert "If we do not hear from you" not in text
    assert "whoever gave you your invitation" in text


def test_archiving_some_is_not_archiving_all(blank: Home) -> None:
    """Who is archived is nobody's business on a public page."""
    some = page(settings(blank, archive=("a" * 26,)))
    assert "some contributors" in some
    assert "a" * 26 not in some


def test_originals_that_are_kept_stay_on_the_page(blank: Home) -> None:
    """By the log they are, although the settings archive nothing any more."""
    text = page(settings(blank, archive_days=77), originals=29)
    assert "archived before" in text
    assert "77 days after it was archived" in text


@pytest.mark.parametrize(
    ("archive", "originals", "said"), [((), 0, False), (("*",), 0, True), ((), 1, True)]
)
def test_a_lock_is_said_to_hold_an_erasure_up(
    blank: Home, archive: tuple[str, ...], originals: int, *, said: bool
) -> None:
    """Wherever there are, or will be, archived originals, and nowhere else."""
    text = page(settings(blank, archive=archive), originals=originals)
    assert ("erased when its lock has ended, and not before" in text) is said
    assert ("the lock on an archived recording" in text) is said
    assert "a legal hold" in text


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_is_not_said_to_be_the_law(blank: Home, preset: str) -> None:
    """No law is named: whether the numbers keep it is not for a page to say."""
    text = page(settings(blank, preset=preset))
    assert not re.search(r"BIPA|GDPR|740|ILCS|complian|legal advice", text, re.IGNORECASE)
    for name in ("raw_days", "inactive_days"):
        assert f"{PRESETS[preset][name]:,} days" in text


class Outline(HTMLParser):
    """What a page refers to, and its tags as they nest."""

    def __init__(self) -> None:
        super().__init__()
        self.refers: list[str] = []
        self.open: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.add(tag)
        self.refers += [str(value) for name, value in attrs if name in {"src", "href"}]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """It closes the last that was opened."""
        assert self.open.pop() == tag


def test_the_page_needs_nothing_besides_itself_and_runs_nothing(blank: Home) -> None:
    """Whatever stands in it is text; it is well formed."""
    contact = "Lab <script>alert(1)</script> & 'friends'\n# heading, a@example.org"
    html = as_html(make_schedule(settings(blank, preset="bipa"), TODAY, contact))
    outline = Outline()
    outline.feed(html)
    assert outline.open == []
    assert outline.refers == []
    assert "script" not in outline.tags
    assert "url(" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; " in html
    assert "\n# heading" not in page(settings(blank), contact)
