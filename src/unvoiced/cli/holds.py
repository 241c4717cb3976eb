"""Commands of legal holds: what must not be destroyed, whatever else is due."""

from pathlib import Path
from typing import Annotated

import typer

from unvoiced.cli.display import out, table
from unvoiced.cli.operator import Config
from unvoiced.clock import utc_now
from unvoiced.config import FILE_NAME, load_settings
from unvoiced.disposal import LegalHold, LegalHolds
from unvoiced.log.leaves import rfc3339

Whose = Annotated[str, typer.Argument(help="A pseudonym, or `everything`.", show_default=False)]


def hold_add(
    whose: Whose,
    reason: Annotated[str, typer.Option(help="Why; shown by `hold ls`.")],
    config: Config = Path(FILE_NAME),
) -> None:
    """Hold what a contributor sent, and what was made of it: nothing of it is destroyed."""
    hold = LegalHold(whose, reason, rfc3339(utc_now()))
    LegalHolds(load_settings(config).store("journal")).place(hold)
    out.print(f"{whose} is under a legal hold; a batch that is being destroyed now may still go.")


def hold_lift(whose: Whose, config: Config = Path(FILE_NAME)) -> None:
    """Take a hold off; what is due goes with the next run of whatever destroys it."""
    LegalHolds(load_settings(config).store("journal")).lift(whose)
    out.print(f"{whose} is under no legal hold any more.")


def hold_ls(config: Config = Path(FILE_NAME)) -> None:
    """List legal holds: whose, why, since when."""
    holds = list(LegalHolds(load_settings(config).store("journal")).all())
    table(
        f"{len(holds)} legal holds",
        {"whose": "left", "reason": "left", "since": "left"},
        [(one.whose, one.reason, one.since) for one in holds],
    )
