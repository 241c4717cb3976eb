"""`up`: everything runs when it returns, or nothing that it started does."""

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from deployments.local.database import described as shown
from deployments.local.deploying import apply
from deployments.local.environment import USER
from deployments.local.parts import POOL, Parts
from deployments.local.place import ROOT, Choices, Place, write_private
from deployments.local.process import Process
from deployments.local.steps import Steps
from unvoiced.config import FILE_NAME, load_settings
from unvoiced.errors import InputError, UnvoicedError

_INIT_SECONDS = 600


def up(place: Place, choose: Callable[[Choices], Choices], steps: Steps) -> None:
    """Start what does not run, and bring what runs up to date. Raises `UnvoicedError`.

    `choose` says what is wanted, given what was chosen before.
    """
    place.make()
    with place.lock() as waited:
        if waited:
            steps.say("Another `up` or `down` was under way here; it is over.")
        place.make_password()
        with _whole_or_not() as started:
            parts = _server(place, choose(place.choices()), steps, started)
            _deployment(place, parts.choices.config, steps)
            place.remember(parts.choices)
            _tell(parts, steps)
            _worker(parts, steps, started)
            resume(parts)
        _farewell(parts, steps)


@contextmanager
def _whole_or_not() -> Iterator[list[Process]]:
    """What was started in here goes again where anything in here fails."""
    started: list[Process] = []
    try:
        yield started
    except BaseException:
        for process in reversed(started):
            process.stop(15)
        raise


def _server(place: Place, wanted: Choices, steps: Steps, started: list[Process]) -> Parts:
    before = place.choices()
    parts = Parts(place, wanted)
    with steps.step("Prefect server") as outcome:
        if running := parts.server:
            if replace(wanted, config="") != replace(before, config=""):
                raise InputError(
                    f"a server of {place.folder} runs with other settings (port {before.port},"
                    f" {shown(before.database)}): `make down` first"
                )
            outcome("runs already")
        else:
            running = parts.start_server()
            started.append(running)
            outcome(f"started, with its data in {shown(wanted.database)}")
        parts.wait_for_server(running)
    return parts


def _deployment(place: Place, config: str, steps: Steps) -> None:
    """See that what runs take their settings from is there; make one where none is given."""
    if config:
        steps.say(f"Deployment: {load_settings(Path(config)).path}")
        return
    with steps.step("A deployment of your own") as outcome:
        if (place.deployment / FILE_NAME).exists():
            outcome(str(place.deployment))
        else:
            _init(place)
            outcome(f"made, {place.deployment}")
    load_settings(place.deployment)


def _init(place: Place) -> None:
    """`unvoiced init`; a folder is a deployment when its settings are there, and not before."""
    new = place.folder / "deployment.new"
    if new.exists():
        shutil.rmtree(new)
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "unvoiced.cli", "init", str(new)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_INIT_SECONDS,
        check=False,
    )
    log = place.log("init")
    write_private(log, done.stdout + done.stderr)
    if done.returncode:
        raise UnvoicedError(f"`unvoiced init` did not end well; {log} says why")
    new.rename(place.deployment)


def _tell(parts: Parts, steps: Steps) -> None:
    with steps.step("Deployments and automations") as outcome:
        outcome("applied" if apply(parts) else "unchanged")


def _worker(parts: Parts, steps: Steps, started: list[Process]) -> None:
    config = parts.place.config(parts.choices)
    serves = parts.place.folder / "serves"
    with steps.step("Worker") as outcome:
        running = parts.worker
        if running and serves.exists() and serves.read_text() != config:
            running.stop(30)
            running = None
        if running:
            outcome("runs already")
            return
        known = parts.last_heard()
        process = parts.start_worker(config)
        started.append(process)
        write_private(serves, config)
        parts.wait_for_worker(process, known)
        outcome("started; it serves every queue")


def pause(parts: Parts) -> None:
    """No run is begun any more; noted, so that only what was paused here is resumed."""
    api = parts.api()
    if not api.get(f"/work_pools/{POOL}")["is_paused"]:
        _noted(parts).touch()
        api.patch(f"/work_pools/{POOL}", {"is_paused": True})


def resume(parts: Parts) -> None:
    """Undo `pause`, and nobody else's."""
    noted = _noted(parts)
    if noted.exists():
        parts.api().patch(f"/work_pools/{POOL}", {"is_paused": False})
        noted.unlink()


def _noted(parts: Parts) -> Path:
    # The pool that is paused is that of one database.
    of = hashlib.sha256(parts.choices.database.encode()).hexdigest()[:8]
    return parts.place.folder / f"paused-{of}"


def _farewell(parts: Parts, steps: Steps) -> None:
    place = parts.place
    config = _shown(Path(place.config(parts.choices)))
    home = "" if place.folder == ROOT / ".unvoiced" else f" --home {shlex.quote(str(place.folder))}"
    url = parts.choices.public_url or parts.url.removesuffix("/api")
    unvoiced = _shown(Path(sys.executable).with_name("unvoiced"))
    local = f"{_shown(Path(sys.executable))} -m deployments.local"
    steps.say(f"""
The UI:    {url}
           log in with {USER}:PASSWORD; the password stands in {_shown(place.password_file)}
Next:      {unvoiced} invite anna-01 -c {config}
           {unvoiced} upload my-recordings/ -i anna-01.invitation
           within five minutes a run takes them; docs/running.md says what runs when
A shell:   eval "$({local} env{home})"
Stop:      {"make down" if not home else f"{local} down{home}"}""")


def _shown(path: Path) -> str:
    """A path as one types it here."""
    here = Path(os.getcwd())  # noqa: PTH109  # Path.cwd() follows links
    return shlex.quote(str(path.relative_to(here)) if path.is_relative_to(here) else str(path))
