"""Commands for intake keys and the vaults they are in: rotate, retire, ls, move."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, get_args

import typer

from unvoiced.cli.display import counted, err, out, table
from unvoiced.cli.operator import Config
from unvoiced.clock import utc_now
from unvoiced.config import FILE_NAME, Role, Settings, load_settings, passphrase_from_file
from unvoiced.epochs.look import Look
from unvoiced.epochs.move import Destination, Moved, move_vault
from unvoiced.epochs.report import Retirements, dispute, loss
from unvoiced.epochs.retirement import open_retirer, retire_keys
from unvoiced.epochs.rotation import open_key_keeper, rotate_keys
from unvoiced.epochs.standing import State, has_key_of_week, holding_back
from unvoiced.errors import InputError, NotDisposed
from unvoiced.keys.intake import Epoch
from unvoiced.stores import open_store

_RUN = "by hand"


def rotate(
    now: Annotated[
        bool,
        typer.Option(
            "--now",
            help="Make a further key for this week and for the next at once, as after a "
            "compromise; contributors seal to them from then on.",
        ),
    ] = False,
    config: Config = Path(FILE_NAME),
) -> None:
    """Make the intake keys that are missing, of this week and of the next; safe to repeat."""
    result = rotate_keys(open_key_keeper(load_settings(config), _RUN), further=now)
    for epoch in result.made:
        out.print(f"made and announced the key of {epoch}")
    for epoch in result.there:
        out.print(f"{epoch} has its key")
    for epoch in result.lost:
        err.print(f"[bold red]lost:[/] the vault has no key of {epoch}, which was announced")


def retire(config: Config = Path(FILE_NAME)) -> None:
    """Destroy the private keys of epochs that are over, and log that; safe to repeat.

    With it, no copy of a recording that was sealed to one can be opened any more.
    """
    report = retire_keys(open_retirer(load_settings(config), _RUN))
    _show(report)
    done = report.retired or report.destroyed or report.held_back
    if not (done or report.again or report.disputed):
        next_one = _what_comes_next(load_settings(config))
        out.print(f"no epoch is over whose key is still there{next_one}", soft_wrap=True)
    if error := loss(report):
        raise error
    if contradiction := dispute(report):
        raise contradiction
    if report.blocked:
        epoch, why = min(report.blocked.items())
        raise NotDisposed(f"the key of {epoch} was not seen to be gone: {why}")


def _show(report: Retirements) -> None:
    for epoch in report.adopted:
        out.print(f"{epoch}: half-made, never announced; the log knows it now")
    for epoch, digest in sorted(report.retired.items()):
        out.print(f"{epoch}: retired, its private key seen to be gone (key {digest[:16]})")
    for name in report.quarantined:
        out.print(f"quarantined {name}: sealed to a key that is no more")
    for epoch, why in sorted(report.destroyed.items()):
        out.print(f"{epoch}: destroyed, no receipt yet: {why}", soft_wrap=True)
    for epoch, holds in sorted(report.held_back.items()):
        out.print(f"{epoch}: kept: {'; '.join(holds)}", soft_wrap=True)
    for epoch in report.again:
        out.print(f"{epoch}: retired before, was in the vault again; destroyed again")


def ls(config: Config = Path(FILE_NAME)) -> None:
    """List intake keys: where each stands, what is sealed to it, what holds its retirement back."""
    settings, now = load_settings(config), utc_now()
    look = Look(settings, open_store(settings.vault_url("worker")), now)
    grace = timedelta(days=settings.retention.intake_grace_days)
    standings = look.standings()
    rows = []
    for one in standings:
        facts = one.facts
        rest = "may be retired" if one.may_be_retired else "; ".join(holding_back(one, now, grace))
        if one.state in {State.RETIRED, State.DESTROYED}:
            rest = "" if one.state is State.RETIRED else f"no receipt yet: {rest}"
        rows.append(
            (
                facts.epoch.name,
                one.state.value + ("" if facts.announced or facts.retired else ", not announced"),
                f"{look.history.accepted[facts.digest]:,}",
                f"{facts.unsettled:,}",
                facts.digest[:16],
                rest,
            )
        )
    table(
        counted(len(rows), "intake key"),
        {
            "epoch": "left",
            "state": "left",
            "accepted": "right",
            "unsettled": "right",
            "key": "left",
            "until when, and what holds its retirement back": "left",
        },
        rows,
    )
    if not has_key_of_week(standings, now):
        err.print(
            f"there is no key to seal to of this week, {Epoch.of(now).name}: run "
            "`unvoiced keys rotate`",
            soft_wrap=True,
        )
    for name in sorted(look.half_made):
        out.print(f"{name}: half-made, never announced; `unvoiced keys retire` sees to it")


def move(
    role: Annotated[str, typer.Argument(help="Whose vault: worker, dataset, inviter, archive.")],
    to: Annotated[str, typer.Option(help="The empty store to move it to, by url.")],
    kms: Annotated[
        str, typer.Option(metavar="ARN", help="The key of AWS KMS that it is then under.")
    ] = "",
    passphrase: Annotated[
        bool, typer.Option("--passphrase", help="Put it under a new passphrase.")
    ] = False,
    config: Config = Path(FILE_NAME),
) -> None:
    """Move a vault to another store and key, and destroy the old one; run again to finish."""
    whose = next((known for known in get_args(Role) if known == role), None)
    if whose is None:
        raise InputError(f"{role!r} is not a role: {', '.join(get_args(Role))}")
    secret = None
    if passphrase:
        secret = passphrase_from_file(whose, new=True) or typer.prompt(
            f"New passphrase of the {role} vault", hide_input=True, confirmation_prompt=True
        )
    moved = move_vault(
        load_settings(config),
        whose,
        Destination(_as_url(to), kms, secret),
        step=lambda what: err.print(f"{what} ..."),
    )
    out.print(f"{moved.secrets} secrets moved; the old vault at {moved.from_url} is empty",
              soft_wrap=True)  # fmt: skip
    out.print(_what_is_left(moved), soft_wrap=True)


def _what_comes_next(settings: Settings) -> str:
    now, grace = utc_now(), timedelta(days=settings.retention.intake_grace_days)
    look = Look(settings, open_store(settings.vault_url("worker")), now)
    waiting = [one for one in look.standings() if one.state in {State.OPEN, State.COMING}]
    if not waiting:
        return ""
    first = waiting[0]
    return f"; the next is {first.facts.epoch.name}: {holding_back(first, now, grace)[0]}"


def _as_url(place: str) -> str:
    if "://" in place:
        return place
    folder = Path(place)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder.resolve().as_uri()


def _what_is_left(moved: Moved) -> str:
    if moved.from_kms:
        return (
            f"Pending: {moved.from_kms} still opens every backup of the old vault. Its owner "
            "schedules its deletion (aws kms schedule-key-deletion); until that day has come, it "
            "can be cancelled."
        )
    if moved.from_passphrase:
        return "The old passphrase still opens every backup of the old vault: forget it."
    return "Its key file was overwritten and removed; a copy of both, taken before, still opens."
