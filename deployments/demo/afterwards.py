"""What the demo tells of later: an erasure, and the end of an epoch."""

from datetime import datetime, timedelta
from pathlib import Path

from rich.console import Console

from unvoiced import erasure
from unvoiced.certificates.document import Issuer, verify_certificate
from unvoiced.certificates.issue import issue
from unvoiced.certificates.page import as_html
from unvoiced.certificates.subject import Subject
from unvoiced.clock import utc_now
from unvoiced.config import Settings
from unvoiced.epochs.retirement import open_retirer, retire_keys
from unvoiced.epochs.rotation import open_key_keeper, rotate_keys
from unvoiced.eraser import open_eraser
from unvoiced.errors import OpenError
from unvoiced.ingest.recording import raw_context
from unvoiced.log.leaves import rfc3339
from unvoiced.log.note import Verifier
from unvoiced.reader import describe, feature_names
from unvoiced.retention.keep import keep_rules
from unvoiced.sealing import Keyring, PrivateKey, open_sealed


def erase_one(console: Console, settings: Settings, home: Path) -> None:
    """Everything of one contributor, and a certificate of it."""
    training = settings.store("training")
    described = (describe(training, listed.name) for listed in feature_names(training))
    waiting = set(settings.store("raw").folders())  # these have recordings in quarantine, for 7
    whose = min({one.pseudonym for one in described if one is not None} - waiting)
    eraser = open_eraser(settings, "demo")
    outcome = erasure.carry_out(eraser, erasure.request(eraser, whose))
    if outcome.body is None:
        console.print(f"   [red]not finished: {', '.join(outcome.pending)}")
        return
    counts = ", ".join(f"{count} in {store}" for store, count in (outcome.destroyed or {}).items())
    console.print(f"   {whose}: key first, then every byte: {counts}")
    verifier = Verifier.parse(settings.log_vkey)
    subject = Subject.of_body(dict(outcome.body))
    issuer = Issuer(rfc3339(utc_now()), "a demo", "", "")
    certificate = issue(subject, settings.log_reader(), verifier, issuer)
    verify_certificate(certificate.encode(), verifier)
    page = home / "certificate.html"
    page.write_text(as_html(certificate), encoding="utf-8")
    console.print(f"   [green]certificate of erasure, verified offline[/]: {_near(page)}")


def end_the_epoch(console: Console, settings: Settings) -> None:
    """What was quarantined is due, and with that the intake key has nothing left to open."""
    made = rotate_keys(open_key_keeper(settings, "demo")).made
    console.print(f"   the next intake key, made and announced ahead of time: {', '.join(made)}")

    def later() -> datetime:
        return utc_now() + timedelta(days=100)

    kept = keep_rules(open_eraser(settings, "demo", later))
    console.print(f"   retention: {kept.destroyed} that were in quarantine for 90 days destroyed")
    retired = retire_keys(open_retirer(settings, "demo", later)).retired
    console.print(f"   intake key retired, its private half destroyed: {', '.join(retired)}")


def try_again(console: Console, settings: Settings, stolen: dict[str, bytes]) -> None:
    """Every private key there still is, of all vaults, against every stolen recording."""
    worker = settings.vault("worker")
    keys = [PrivateKey(worker.get(f"intake/{name}")) for name in worker.names("intake")]
    keys.append(PrivateKey(settings.vault("dataset").get("dataset/dataset")))
    keys.append(PrivateKey(settings.vault("archive").get("archive/archive")))
    opened = 0
    for name, sealed in stolen.items():
        try:
            with open_sealed(
                sealed, Keyring(keys), raw_context(*name.removesuffix(".unv").split("/"))
            ):
                opened += 1
        except OpenError:
            continue
    verdict = "[green]none opens, for anybody" if not opened else f"[red]{opened} open"
    console.print(f"   the thief's {len(stolen)} copies, with every key there still is: {verdict}")


def _near(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
