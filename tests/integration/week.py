"""Seven days of a town: what people do on each, what runs, and what goes wrong."""

import os
import re
import time
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.integration.browser import Screens, screens
from tests.integration.prefect_server import until
from tests.integration.town import Operation
from unvoiced.disposal import suppression_id
from unvoiced.errors import StoreError

_FINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
_LONG_AGO = 100 * 86_400


def monday(week: Operation) -> None:
    """Recordings to a key that is over are taken, and this week's key is made."""
    town = week.town
    word = f"canary-metadata-{town.words['metadata']}"
    town.record(1, iter([("tagged", "wav", town.audio("WAV", title=word, comment=word))]))
    town.record(2, iter([("second", "wav", town.audio("WAV"))]))
    town.rotate_as_of(timedelta(weeks=2))
    week.settle(first=week.ask("ingest/ingest"), rotate=week.ask("epochs/rotate"))


def tuesday(week: Operation) -> None:
    """The log refuses, then the training store. One decoder raises, one kills its process."""
    town, word = week.town, f"canary-metadata-{week.town.words['metadata']}"
    trouble = [
        ("raising", "wav", town.audio("WAV")),
        ("killing", "flac", town.audio("FLAC", title=word)),
        *town.troublemakers(),
    ]
    town.record(1, iter(trouble))
    town.record(2, iter([("tuesday", "flac", town.audio("FLAC"))]))
    town.sabotage({"raising": "ValueError", "killing": "die"})
    closed(town.stores / "log", town.stores / "training")
    refused = week.ask("ingest/ingest")
    week.retrying(refused, 1)
    opened(town.stores / "log")
    week.retrying(refused, 2)
    opened(town.stores / "training")
    week.settle(refused=refused, catalog=week.ask("catalog/catalog"),
                posture=week.ask("posture/posture"))  # fmt: skip
    town.sabotage({})
    town.unvoiced("features", "show", town.sample(1))


def wednesday(week: Operation) -> None:
    """Everything is killed with a recording open. The worker comes back; nobody ends the run."""
    town = week.town
    town.record(1, iter([("open when killed", "wav", town.audio("WAV"))]))
    week.killed = week.open_and_stop("open when killed", "ingest/ingest")
    week.kill_worker()
    week.go_on()
    week.up()
    before = town.raw()
    town.record(2, iter([("forgotten", "wav", town.audio("WAV"))]))
    town.record(3, iter([("held", "wav", town.audio("WAV"))]))
    long_ago = time.time() - _LONG_AGO
    for path in town.raw() - before:
        os.utime(path, (long_ago, long_ago))
    town.unvoiced("hold", "add", town.contributor(3), "--reason", town.hold_reason)
    week.settle(retention=week.ask("retention/retention"), retire=week.ask("epochs/retire"))


def thursday(week: Operation) -> None:
    """Mistakes of people: settings, a passphrase, parameters; and a run over several workers."""
    town = week.town
    broken = town.sources / "broken.toml"
    broken.write_text(town.config.read_text() + f"[vaults\nworker = '{town.passphrase}'\n")
    foreign = town.sources / "foreign.toml"
    foreign.write_text(f"{town.config.read_text()}\n[kms]\nworker = '{town.passphrase}'\n")
    wrong = town.sources / "wrong-passphrase"
    wrong.write_text(f"{town.passphrase}, mistyped")
    week.settle(
        broken=week.ask("ingest/part", UNVOICED_CONFIG=str(broken)),
        foreign=week.ask("ingest/part", UNVOICED_CONFIG=str(foreign)),
    )
    week.settle(
        passphrase=week.ask("ingest/part", UNVOICED_WORKER_PASSPHRASE_FILE=str(wrong)),
        wrong_types=week.ask("ingest/part", {"part": ["one"], "of": {}}, typed=False),
    )
    for name, mistyped in (
        ("ingest/part", {"part": town.contributor(1)}),
        ("erasure/erasure", {"what": {"request": town.contributor(1)}}),
        ("backfill/backfill", {"what": {"feature_set": "mfcc-13",
                                        "contributors": [town.contributor(1)]}}),
    ):  # fmt: skip
        with pytest.raises(StoreError):
            week.ask(name, mistyped)
    week.settle(spread=week.ask("ingest-spread/ingest-spread"), watch=week.ask("watch/watch"))


def friday(week: Operation) -> None:
    """A key is gone, and put back. What its loss and Tuesday set aside is released."""
    town = week.town
    town.record(2, iter([("friday", "wav", town.audio("WAV"))]))
    key = town.present_key
    aside = key.rename(town.sources / key.name)
    week.settle(lost_key=week.ask("ingest/part"), lost_to_retire=week.ask("epochs/retire"))
    aside.rename(key)
    for name in town.quarantined("extraction-failed", "unknown-intake-key"):
        town.unvoiced("quarantine", "release", name)
    what = {"feature_set": "mfcc-13"}
    week.settle(again=week.ask("ingest/part"), dry=week.ask("backfill/backfill", {"what": what}))


def saturday(week: Operation) -> None:
    """Another feature set, one original's decoder raising; a run is cancelled in its midst."""
    town = week.town
    town.sabotage({"tagged": "ValueError"})
    what = {"feature_set": "mfcc-13", "dry_run": False}
    week.settle(
        backfill=week.ask("backfill/backfill", {"what": what}), review=week.ask("review/review")
    )
    town.record(1, iter([("open when cancelled", "flac", town.audio("FLAC"))]))
    week.cancelled = week.open_and_stop("open when cancelled", "ingest/part")
    week.cancel(week.cancelled)  # it is given half a minute
    town.sabotage({})


def sunday(week: Operation, pictures: Path) -> dict[str, str]:
    """Two erasures are asked for, one approved; the rest is ingested. Returns pages of the UI."""
    town = week.town
    asked = {}
    for number in (2, 3):
        town.unvoiced("erase", town.contributor(number), "--ask")
        asked[number] = suppression_id(town.pseudonym(number))
    printed = (town.home / "commands-output").read_text()
    codes = re.findall(r"not by Prefect: ([0-9a-f]{8})$", printed, re.MULTILINE)[-2:]
    # One after the other: one at a time may run, and who finds the place taken waits half a minute.
    erased, refused = (
        week.paused(week.ask("erasure/erasure", {"what": {"request": one, "dry_run": False}}))
        for one in asked.values()
    )
    with screens(week.server, pictures) as browser:
        pages = {"the form": the_form(browser, refused)}
        week.answer(erased, approve=True, digits=codes[0], reference="DPO-17")
        week.settle(erased=erased, cancelled=week.cancelled)
        week.answer(refused, approve=False, digits=codes[1], reference="DPO-18")
        week.settle(refused_erasure=refused)
        week.go_on()
        until(lambda: week.server.run(week.killed)["state_type"] in _FINAL, "it is Crashed", 300)
        week.settle(killed=week.killed, last=week.ask("ingest/ingest"))
        week.settle(catalog_again=week.ask("catalog/catalog"), watch_again=week.ask("watch/watch"))
        town.unvoiced("report", "-o", town.home / "report.html")
        week.let_events_arrive()
        return pages | pages_of(browser, week)


def the_form(browser: Screens, run: str) -> str:
    """The page of a run that asks, with what it asks."""
    browser.show(f"runs/flow-run/{run}", "suspended", "Suspended")
    browser.page.locator("button[aria-haspopup=menu]").first.click()
    browser.page.get_by_role("menuitem", name="Resume").click()
    expect(browser.page.get_by_text("Code of the request").first).to_be_visible()
    return browser.page.content() + browser.page.inner_text("body")


def pages_of(browser: Screens, week: Operation) -> dict[str, str]:
    """What the UI shows of runs that went wrong, with logs and parameters, and of all else."""
    pages = {}
    for what in ("refused", "killed", "foreign", "wrong_types", "cancelled", "backfill", "erased"):
        run = week.ended[what]
        pages[what] = browser.show(f"runs/flow-run/{run['id']}", what, run["state_name"])
        for tab in ("Parameters", "Job Variables"):
            browser.page.get_by_role("tab", name=tab).first.click()
            browser.page.wait_for_timeout(300)
            pages[f"{what}: {tab}"] = browser.page.content() + browser.page.inner_text("body")
    for path in ("dashboard", "runs", "deployments", "artifacts", "events", "automations",
                 "blocks", "variables", "work-pools/work-pool/unvoiced"):  # fmt: skip
        pages[path] = browser.show(path, path.replace("/", "-"))
    for key in ("ingest-exceptions", "retention-report", "erasure-report"):
        pages[key] = browser.show(f"artifacts/key/{key}", key)
    return pages


def closed(*folders: Path) -> None:
    """Nobody writes to them; from the root down, as somebody may be making folders right now."""
    _change_modes(0o500, *folders)


def opened(*folders: Path) -> None:
    """They are as they were."""
    _change_modes(0o700, *folders)


def _change_modes(mode: int, *folders: Path) -> None:
    for folder in folders:
        for one in (folder, *folder.rglob("*")):
            if one.is_dir():
                one.chmod(mode)
