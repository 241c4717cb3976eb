"""What is shown of an account whose names were chosen to be shown: page, picture, Prefect."""

from dataclasses import replace
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import pytest

from tasks import artifacts
from tasks import review as tasks
from tests.posture.right_facts import facts, settings
from unvoiced.posture.finding import Seen, Severity
from unvoiced.review.finding import Finding, Gap
from unvoiced.review.known import Known, Reach
from unvoiced.review.page import as_html
from unvoiced.review.picture import as_svg
from unvoiced.review.plain import command, in_markdown, plain
from unvoiced.review.report import Report, decide
from unvoiced.review.targets import Ability

EVIL = (
    '"><script>alert(1)</script>|`x`|\n# [a](javascript:b) ![c](http://d.example/e)\x1b[2J\x00'
    "\u202e\u200b"
)


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch) -> Report:
    """A report in which all that others may write is hostile."""
    monkeypatch.setattr("unvoiced.review.report.Verifier.parse", lambda _: Named)
    clean = decide(Known(Seen(facts(), settings())), ("anna", "desk"), None)
    use: dict[str, Any] = dict.fromkeys(("requester", "who", "last", "first"), EVIL)
    use |= {"objects": 1, "records": 1, "days": 1, "purposes": [EVIL], "sources": [EVIL]}
    approval = dict.fromkeys(("requester", "purpose", "until", "approved_by", "because"), EVIL)
    return replace(
        clean,
        log=EVIL,
        made_by=(EVIL, EVIL),
        findings=(Finding("of-another-owner", Severity.HIGH, EVIL, EVIL, EVIL, f"rm '{EVIL}'"),),
        gaps=(Gap(EVIL, EVIL, EVIL),),
        reaches=(Reach(EVIL, EVIL, Ability.READ, EVIL, False),),
        targets=(EVIL,),
        principals=({"who": EVIL, "arn": EVIL, "last_used": EVIL},),
        uses=(use,),
        approvals=({**approval, "objects": 1},),
    )


class Named:
    """A log's name; what else there is of a key is not asked for."""

    name = "log.invalid/x"


class Tags(HTMLParser):
    """The tags of a page, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it."""
        self.tags.add(tag)


def test_no_name_becomes_part_of_the_page_or_the_picture(report: Report) -> None:
    """No tag of theirs, no character that cannot be seen; the picture is XML."""
    page, picture = as_html(report), as_svg(report)
    assert not Tags(page).tags & {"script", "a", "img"}
    for text in (page, picture):
        assert all(each.isprintable() or each == "\n" for each in text)
    ElementTree.fromstring(picture)  # noqa: S314  (made here)


def test_no_name_becomes_markup_in_prefect(report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every line of a table is one row of two cells; table and report have no hidden characters."""
    made: dict[str, Any] = {}
    for name in ("table", "markdown"):
        monkeypatch.setattr(
            artifacts, f"create_{name}_artifact", lambda **given: made.update({given["key"]: given})
        )
    tasks.publish.fn(report)
    text = made["review-report"]["markdown"]
    assert all(line.count("|") in {0, 3} for line in text.split("\n"))
    for sign in ("<", "![", "](", "http:", "\n# "):
        assert sign not in text
    (row,) = made["review-exceptions"]["table"]
    assert all(each.isprintable() for each in (*text.replace("\n", ""), *"".join(row.values())))
    assert row["fix"].startswith("# not shown")


def test_what_can_be_seen_stays_as_it_is() -> None:
    """Letters of any language, and commands."""
    assert plain("role Jürgen/数据") == "role Jürgen/数据"
    assert command("aws iam delete-user --user-name bob") == "aws iam delete-user --user-name bob"
    assert in_markdown("a|b_c") == "a&#124;b&#95;c"
