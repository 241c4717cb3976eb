"""A sandbox with three contributors that was made three weeks ago, and `make up` serving it.

Server, worker and all their runs are bound by file modes, as a user who is not root is.
"""

import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.integration.canaries import Needle, of_secret, of_text
from tests.integration.local_server import LocalServer, free_port
from tests.integration.prefect_server import until
from tests.integration.sandbox import Sandbox
from unvoiced.clock import utc_now
from unvoiced.deployment import Plan, create_deployment
from unvoiced.disposal import Quarantine
from unvoiced.epochs.rotation import open_key_keeper, rotate_keys
from unvoiced.keys.intake import Epoch
from unvoiced.keys.invitation import Invitation
from unvoiced.keys.pseudonyms import pseudonym
from unvoiced.log.note import Verifier
from unvoiced.names import parse_feature_name
from unvoiced.reader import feature_names

PEOPLE = (1, 2, 3)
_AGE = timedelta(weeks=3)


@dataclass(frozen=True)
class Town(Sandbox):
    """A sandbox whose first intake key is of an epoch that is over by now."""

    hold_reason: str = field(default_factory=lambda: f"canary-reason {secrets.token_hex(10)}")

    def create(self) -> None:
        """Make the deployment and invite three contributors; originals of the first are archived.

        Those of the others are not, so that no lock keeps an erasure from being finished.
        """
        for folder in (self.home, self.sources, self.receipts, self.invitations):
            folder.mkdir(parents=True)
        self.passphrase_file.write_text(self.passphrase)
        began = utc_now() - _AGE
        create_deployment(self.config.parent, began, Plan(passphrases={"worker": self.passphrase}))
        with self.config.open("a") as settings:
            settings.write("batch_samples = 4\nworkers = 2\n\n[disposal]\n")
            settings.write(f"archive = ['{self.pseudonym(1)}']\n")
        for number in PEOPLE:
            file = self.invitations / f"{number}.invitation"
            self.command("invite", self.contributor(number), "-o", file, "-c", self.config)

    def rotate_as_of(self, then: timedelta) -> None:
        """Make the keys of a week that is over, and of the next one, as a rotation did then."""
        keeper = open_key_keeper(self.settings, "then", lambda: utc_now() - then)
        assert rotate_keys(keeper).made

    def pseudonym(self, number: int) -> str:
        """What a contributor is called everywhere."""
        key = self.settings.vault("inviter").get("pseudonym/key")
        return pseudonym(key, self.contributor(number))

    @property
    def stores(self) -> Path:
        """Where its stores are."""
        return self.config.parent / "stores"

    def raw(self) -> set[Path]:
        """What stands in the raw store."""
        return set((self.stores / "raw").rglob("*.unv"))

    def sample(self, number: int) -> str:
        """A sample of a contributor's that there are features of."""
        whose = self.pseudonym(number)
        for entry in feature_names(self.settings.store("training"), "speech-16k"):
            named = parse_feature_name(entry.name)
            if named is not None and named.pseudonym == whose:
                return f"{whose}/{named.sample}"
        raise AssertionError(f"there are no features of contributor {number}")

    @property
    def present_key(self) -> Path:
        """Where the key stands that is sealed to now."""
        intake = self.config.parent / "keys" / "worker" / "intake"
        return intake / f"{Epoch.of(utc_now()).name}.key"

    def quarantined(self, *reasons: str) -> list[str]:
        """What is in quarantine for one of the reasons."""
        verifier = Verifier.parse(self.settings.log_vkey)
        records = Quarantine(self.settings.store("journal"), verifier).records()
        return [record.name for record in records if record.reason in reasons]

    def unvoiced(self, *arguments: str | Path) -> None:
        """A command on this deployment."""
        self.command(*arguments, "-c", self.config)

    def needles(self) -> Iterator[Needle]:
        """All that must not be found; of the third contributor too.

        But for heads of files: those of any two WAV files of one length are the same, and others'
        tests write some.
        """
        yield from (one for one in super().needles() if not one.what.endswith(" head"))
        yield from of_text("reason of a hold", self.hold_reason)
        invitation = Invitation.read(self.invitations / "3.invitation")
        yield from of_secret("sample key 3", bytes.fromhex(invitation.sample_key))

    def is_allowed(self, place: str, what: str) -> bool:
        """As of any sandbox; why somebody is under a hold stands in the hold."""
        journal = self.stores / "journal"
        return super().is_allowed(place, what) or (
            what == "reason of a hold" and Path(place).is_relative_to(journal)
        )


@dataclass
class Operation:
    """`make up` on a town, its schedules off: a test says what runs when."""

    town: Town
    server: LocalServer
    ended: dict[str, dict[str, Any]] = field(default_factory=dict)  # runs by what they were for
    killed: str = ""  # a run that nobody could end
    cancelled: str = ""  # and one that somebody did

    @classmethod
    def start(cls, town: Town, folder: Path) -> "Operation":
        """`up`; each run then logs at level DEBUG, and its workers follow the sabotage's orders."""
        operation = cls(town, LocalServer(folder, free_port()))
        operation.up()
        variables = {"PREFECT_LOGGING_LEVEL": "DEBUG", **town.sabotage({})}
        operation.server.set_schedules(active=False)
        for one in operation.server.find("deployments"):
            operation.server.api.patch(
                f"/deployments/{one['id']}", {"job_variables": {"env": variables}}
            )
        return operation

    def up(self) -> None:
        """What does not run is started."""
        done = self.server.up("--config", self.town.config, **self.town.variables)
        assert done.returncode == 0, done.stdout

    def ask(self, name: str, parameters: Mapping[str, Any] | None = None, *, typed: bool = True,
            **env: str) -> str:  # fmt: skip
        """Ask for a run, with variables of its own; `typed` has the server check the parameters."""
        body = {
            "parameters": dict(parameters or {}),
            "state": {"type": "SCHEDULED"},
            "job_variables": {"env": env},
            "enforce_parameter_schema": typed,
        }
        deployment = self.server.deployment(name)["id"]
        path = f"/deployments/{deployment}/create_flow_run"
        return str(self.server.api.post(path, body)["id"])

    def settle(self, **asked: str) -> None:
        """Wait for runs to end; kept under what they were for."""
        for what, run in asked.items():
            self.ended[what] = self.server.finished(run, 400)

    def paused(self, run: str) -> str:
        """A run when it asks for something."""
        until(lambda: self.server.run(run)["state_type"] == "PAUSED", "the run asks", 300)
        return run

    def retrying(self, run: str, times: int) -> None:
        """Wait until steps of a run have failed so often, and are to be tried again."""
        asked = {"logs": {"flow_run_id": {"any_": [run]}}}

        def retried() -> bool:
            logs = self.server.api.post("/logs/filter", asked)
            assert self.server.run(run)["state_type"] != "FAILED", self.server.run(run)["state"]
            return sum("Retry" in line["message"] for line in logs) >= times

        until(retried, f"{times} steps of run {run} are tried again", 300)

    def open_and_stop(self, what: str, name: str) -> str:
        """A run that has a recording open when this returns, and stays so until `go_on`."""
        witness = self.town.sources / "witness"
        witness.unlink(missing_ok=True)
        (self.town.sources / "block").touch()
        self.town.sabotage({what: "block"})
        run = self.ask(name)
        until(witness.exists, "a worker has the recording open", 300)
        return run

    def go_on(self) -> None:
        """Nothing is stopped any more."""
        (self.town.sources / "block").unlink()
        self.town.sabotage({})

    def cancel(self, run: str) -> None:
        """As the UI does."""
        state = {"type": "CANCELLING", "name": "Cancelling"}
        self.server.api.post(f"/flow_runs/{run}/set_state", {"state": state})

    def answer(self, run: str, **fields: Any) -> None:
        """Resume a run with a form that was filled in."""
        said = self.server.api.post(f"/flow_runs/{run}/resume", {"run_input": fields})
        assert said["status"] == "ACCEPT", said

    def kill_worker(self) -> None:
        """SIGKILL to the worker and to all that it started."""
        worker = self.server.parts.worker
        assert worker is not None
        for one in [worker, *worker.descendants()]:
            one.send(9)

    def let_events_arrive(self) -> None:
        """The server writes logs and events with a delay."""
        time.sleep(3)
