"""Commands of legal holds: what must not be destroyed, whatever else is due."""

from pathlib import Path
from typing import Annotated

import typer

from unvoiced.cli.display import counted, err, out, table
from unvoiced.cli.operator import Config
from unvoiced.cli.whose import pseudonym_of
from unvoiced.clock import utc_now
from unvoiced.config import FILE_NAME, Settings, load_settings
from unvoiced.disposal import LegalHold, LegalHolds
from unvoiced.disposal.holds import EVERYTHING
from unvoiced.errors import StoreError
from unvoiced.log.leaves import rfc3339

Whose = Annotated[
    str,
    typer.Argument(
        help="A pseudonym, or `everything`; or a contributor's id, where the inviter's vault can "
        "be opened.",
        show_default=False,
    ),
]


def hold_add(
    whose: Whose,
    reason: Annotated[str, typer.Option(help="Why; shown by `hold ls`.")],
    config: Config = Path(FILE_NAME),
) -> None:
    """Hold what a contributor sent, and what was made of it: nothing of it is destroyed."""
    settings = load_settings(config)
    held = _held(settings, whose)
    LegalHolds(settings.store("journal")).place(LegalHold(held, reason, rfc3339(utc_now())))
    if not _is_kept(settings, held):
        err.print("Nothing of theirs is kept now. If that is no surprise, the hold is for what "
                  "comes; else check the id, and lift it.", soft_wrap=True)  # fmt: skip
    out.print(f"{held} is under a legal hold; a batch that is being destroyed now may still go.")


def hold_lift(whose: Whose, config: Config = Path(FILE_NAME)) -> None:
    """Take a hold off; what is due goes with the next run of whatever destroys it."""
    settings = load_settings(config)
    held = _held(settings, whose)
    LegalHolds(settings.store("journal")).lift(held)
    out.print(f"{held} is under no legal hold any more.")


def _held(settings: Settings, whose: str) -> str:
    return whose if whose == EVERYTHING else pseudonym_of(settings, whose)


def _is_kept(settings: Settings, held: str) -> bool:
    """Whether anything is there of a contributor, as far as whoever asks may look."""
    if held == EVERYTHING:
        return True
    places = [("raw", f"{held}/"), ("archive", f"{held}/"), ("training", f"keys/{held}")]
    try:
        return any(
            True
            for place, prefix in places
            if place in settings.stores
            for _ in settings.store(place).versions(prefix)  # type: ignore[arg-type]  # known names
        )
    except StoreError:
        return True


def hold_ls(config: Config = Path(FILE_NAME)) -> None:
    """List legal holds: whose, why, since when."""
    holds = list(LegalHolds(load_settings(config).store("journal")).all())
    if not holds:
        out.print("No legal holds.")
        return
    table(
        counted(len(holds), "legal hold"),
        {"whose": "left", "reason": "left", "since": "left"},
        [(one.whose, one.reason, one.since) for one in holds],
    )
