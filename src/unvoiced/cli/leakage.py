"""Command of who answers for it: how much of a speaker do features give away? Reads, measures."""

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from unvoiced.cli.display import err, out, table
from unvoiced.cli.files import refuse_to_replace, write_new
from unvoiced.clock import utc_now
from unvoiced.errors import InputError, VerificationError
from unvoiced.features import builtin_names, load
from unvoiced.leakage.result import Leakage, as_json
from unvoiced.leakage.words import caveats, per_cent, seconds, verdict

_LONGEST = 30.0


def leakage(
    speech: Annotated[
        Path, typer.Argument(help="Folder with one folder a speaker; any decodable audio in it.")
    ],
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", help="A built-in feature set or a .toml file; all built-in ones."),
    ] = None,
    speakers: Annotated[
        int | None, typer.Option(min=10, max=500, help="Speakers attacked, at most; 30, quick 20.")
    ] = None,
    only: Annotated[
        str, typer.Option(help="Attack speakers whose folders match; learn from all others.")
    ] = "*",
    trial: Annotated[
        float | None,
        typer.Option(
            "--seconds", min=0.5, max=_LONGEST, help="Speech in a trial; by what there is, up to 4."
        ),
    ] = None,
    kind: Annotated[
        str, typer.Option(help="What speech it is, in words, for the result.")
    ] = "speech, of a kind not said",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the result as JSON.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page with a picture.")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer speakers, one length, nothing rebuilt.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Who is attacked, and every other chance.")] = 0,
) -> None:
    """Measure how well a speaker is recognised from features, beside raw speech and chance.

    The speech is read as it is, so use a corpus you have a right to, never contributors'
    recordings. Numbers are all that is written. Exit status 5 where the attackers are too weak even
    on raw speech, so that no figure proves anything.
    """
    # Here, as what measures takes longer to import than most commands run.
    from dataclasses import replace

    from unvoiced.leakage.measure import QUICK, Effort, measure
    from unvoiced.leakage.page import as_page

    refuse_to_replace(output, html)
    if not speech.is_dir():
        raise InputError(f"{speech} is not a folder with one folder a speaker")
    feature_sets = [load(name) for name in sets or builtin_names()]
    effort = QUICK if quick else Effort()
    if speakers is not None:
        effort = replace(effort, attacked=speakers)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task("", total=1.0)
        found = measure(
            speech,
            feature_sets,
            today=utc_now().date(),
            effort=effort,
            only=only,
            seconds=trial,
            kind=kind,
            seed=seed,
            tell=lambda what, share: progress.update(task, description=what, completed=share),
        )
    _show(found)
    for path, text in ((output, as_json), (html, as_page)):
        if path is not None:
            write_new(path, text(found).encode())
    if found.attacker_too_weak:
        raise VerificationError("the attackers are too weak: these figures prove nothing")


def _show(found: Leakage) -> None:
    corpus = found.corpus
    shorter = [length for length, _ in found.raw_eer_by_seconds][:-1]
    columns = {"": "left", "EER": "right", "95 %": "right", "picked out": "right"}
    columns |= {f"EER, {seconds(length)}": "right" for length in shorter}
    columns |= {"outside EER": "right", "rebuilt: cosine": "right", "picked": "right"}
    columns |= {"strongest attacker": "left"}
    chance = per_cent(100 / corpus.attacked if corpus.attacked else None)
    rows = [
        ("chance", per_cent(found.chance), "", chance, *("" for _ in shorter), "",
         _number(found.stranger_cosine), chance, ""),
        ("raw recordings", per_cent(found.raw_eer), _between(found.raw_interval),
         per_cent(found.raw_rank1),
         *(per_cent(rate) for _, rate in found.raw_eer_by_seconds[:-1]),
         per_cent(found.raw_eer), _number(found.raw_cosine), per_cent(found.raw_rank1), ""),
    ]  # fmt: skip
    rows += [
        (one.feature_set, per_cent(one.eer), _between(one.interval), per_cent(one.rank1),
         *(per_cent(rate) for _, rate in one.eer_by_seconds[:-1]),
         per_cent(one.outside_eer), _number(one.reconstruction_cosine),
         per_cent(one.reconstruction_rank1), one.attacker)
        for one in found.sets
    ]  # fmt: skip
    table(
        f"{corpus.attacked} speakers attacked, {corpus.speakers - corpus.attacked} learned from, "
        f"trials of {seconds(corpus.trial_seconds)}",
        columns,
        rows,
    )
    for line in (verdict(found), *caveats(found)):
        out.print(line, markup=False, highlight=False)


def _between(interval: tuple[float, float] | None) -> str:
    return f"{interval[0]:.1f} to {interval[1]:.1f}" if interval else ""


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
