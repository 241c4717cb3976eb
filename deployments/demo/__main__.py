"""The main job on one screen: `make demo`.

Several speakers seal and upload recordings, the ingest flow turns them into sealed features and
destroys them, and then everyone checks. Nothing here is a stand-in: these are the commands' own
functions, on the embedded default, in a folder that is left for you to look at.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

from rich.console import Console
from rich.table import Table

from deployments.demo.afterwards import end_the_epoch, erase_one, try_again
from deployments.demo.corpus import add_troublemakers, synthesise
from deployments.demo.reading import read_features, tie_the_trail
from unvoiced.announcements import current_announcement
from unvoiced.clock import utc_now
from unvoiced.config import Settings
from unvoiced.deployment import create_deployment
from unvoiced.errors import NotFound, OpenError
from unvoiced.ingest.recording import raw_context
from unvoiced.ingest.status import take_status
from unvoiced.keys.invitation import Invitation
from unvoiced.keys.pseudonyms import pseudonym, sample_key
from unvoiced.log.note import Verifier
from unvoiced.log.verify import verify_log
from unvoiced.sealing import PrivateKey, open_sealed
from unvoiced.stores import open_store
from unvoiced.upload import Uploader, recordings_under, upload_all

console = Console(highlight=False)


def main() -> int:
    """Tell the story; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speech", type=Path, help="a folder of recordings, one folder a speaker")
    parser.add_argument("--home", type=Path, default=Path(".demo"), help="made anew at every run")
    arguments = parser.parse_args()
    if arguments.speech and not any(path.is_dir() for path in arguments.speech.glob("*")):
        parser.error(f"{arguments.speech} holds no folders: one folder a speaker is expected")
    home: Path = arguments.home.resolve()
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)

    _say(1, "Contributors record, seal and send, on their own machines")
    speech = arguments.speech or _synthesise(home / "contributors")
    settings = create_deployment(home / "deployment", utc_now())
    counts = _invite_and_upload(settings, speech, home / "receipts")
    sent = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
    console.print(f"   sealed to a post-quantum public key: {sent}")
    raw = settings.store("raw")
    stolen = {entry.name: raw.get(entry.name).data for entry in raw.list()}
    console.print("   [dim](a thief copies the raw store here)")
    _show_stores(settings)

    _say(2, "The ingest flow runs: Prefect, one worker process a core")
    if (exit_status := _ingest(settings, home)) != 0:
        return exit_status
    _show_stores(settings)

    _say(3, "Anyone checks the log offline: its public files, its public key")
    _verify_offline(settings, home / "auditor")
    found = take_status(settings)
    verdict = "[green]it adds up" if found.adds_up else "[red]IT DOES NOT ADD UP"
    console.print(
        f"   accepted {found.accepted} = disposed {found.disposed} + quarantined "
        f"{found.quarantined} + backlog {found.backlog}: {verdict}"
    )

    _say(4, "Someone wants a deleted recording back")
    dataset = PrivateKey(settings.vault("dataset").get("dataset/dataset"))
    _try_to_get_back(settings, stolen, dataset)

    _say(5, "A data scientist reads features, and leaves a trace")
    read_features(console, settings)
    tie_the_trail(console, settings, home)

    _say(6, "A contributor wants to be forgotten")
    erase_one(console, settings, home)

    _say(7, "Weeks later, the epoch is over (the clock is set forward by 100 days)")
    end_the_epoch(console, settings)
    try_again(console, settings, stolen)
    found = take_status(settings)
    command = Path(sys.executable).parent / "unvoiced"
    if command.is_relative_to(Path.cwd()):
        command = command.relative_to(Path.cwd())
    console.print(f"\nLook around: {command} status -c {arguments.home}/deployment")
    return 0 if found.adds_up else 1


def _say(number: int, what: str) -> None:
    console.print(f"\n[bold cyan]{number}[/] [bold]{what}")


def _synthesise(folder: Path) -> Path:
    made = synthesise(folder)
    bad = add_troublemakers(folder)
    console.print(f"   {len(made)} recordings of 8 synthetic voices, {len(bad)} broken files")
    return folder


def _invite_and_upload(settings: Settings, speech: Path, receipts: Path) -> dict[str, int]:
    key = settings.vault("inviter").get("pseudonym/key")
    intake = current_announcement(settings, utc_now())
    counts: dict[str, int] = {}
    for folder in sorted(path for path in speech.iterdir() if path.is_dir()):
        invitation = Invitation(
            pseudonym(key, folder.name),
            sample_key(key, folder.name).hex(),
            settings.store("raw").url,
            intake,
            settings.log_vkey,
            settings.store("log").url,
        )
        uploader = Uploader(invitation, settings.store("raw"), receipts / folder.name)
        files = recordings_under(folder)
        for outcome, count in upload_all(uploader, files, lambda *_: None).items():
            counts[outcome] = counts.get(outcome, 0) + count
    return counts


def _ingest(settings: Settings, home: Path) -> int:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")},
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_LOGGING_LEVEL": "ERROR",
    }
    started = time.monotonic()
    run = subprocess.run(  # noqa: S603  (our own command)
        [sys.executable, "-m", "unvoiced.cli", "ingest", "--config", str(settings.path)],
        env=environment,
        check=False,
        stderr=subprocess.PIPE,
        text=True,
    )
    console.print(f"   {run.stderr.strip()}", markup=False)
    seconds = time.monotonic() - started
    console.print(f"   [dim]{seconds:.0f} s, nearly all of it a Prefect server starting")
    return run.returncode


def _show_stores(settings: Settings) -> None:
    table = Table(box=None, padding=(0, 2), pad_edge=True, header_style="dim")
    for heading in ("store", "objects", "size", "what a copy of it is worth"):
        table.add_column(heading, justify="right" if heading in {"objects", "size"} else "left")
    meaning = {
        "raw": "sealed to the worker's intake key",
        "training": "sealed; who wrote it cannot read it",
        "log": "digests and receipts",
    }
    for name in ("raw", "training", "log"):
        entries = list(settings.store(name).list())
        size = sum(entry.size for entry in entries)
        table.add_row(name, str(len(entries)), f"{size / 1e6:.2f} MB", meaning[name])
    console.print(table)


def _verify_offline(settings: Settings, auditor: Path) -> None:
    published = Path(unquote(urlsplit(settings.store("log").url).path))
    auditor.mkdir()
    shutil.copy(published / "checkpoint", auditor)
    shutil.copytree(published / "tile", auditor / "tile")
    verified = verify_log(open_store(auditor.as_uri()), Verifier.parse(settings.log_vkey))
    console.print(
        f"   [green]{verified.checkpoint.size} entries verified[/], among them "
        f"{verified.ledger.disposed} receipts; root {verified.checkpoint.root.hex()[:16]}..."
    )


def _try_to_get_back(settings: Settings, stolen: dict[str, bytes], key: PrivateKey) -> None:
    raw = settings.store("raw")
    name = next(name for name in stolen if raw.head(name) is None)
    try:
        raw.get(name)
    except NotFound:
        console.print("   from the raw store: [green]no such object")
    try:
        with open_sealed(stolen[name], key, raw_context(*name.removesuffix(".unv").split("/"))):
            console.print("   [red]the thief's copy opened")
    except OpenError:
        console.print("   the thief's copy, with all keys of the data scientists: [green]no")
    console.print("   [dim](with the worker's intake key it opens, until 7)")


if __name__ == "__main__":
    sys.exit(main())
