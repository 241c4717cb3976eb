"""Our whole path as a benchmark runs it: a deployment, uploads into it, and ingest to receipts."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path

from unvoiced.announcements import current_announcement
from unvoiced.config import Settings
from unvoiced.deployment import Plan, create_deployment
from unvoiced.ingest.batch import ingest_batch
from unvoiced.ingest.interrupted import sweep_journal
from unvoiced.ingest.plan import make_plan
from unvoiced.ingest.workbench import Workbench, open_workbench
from unvoiced.keys.invitation import Invitation
from unvoiced.keys.pseudonyms import pseudonym
from unvoiced.upload import seal_recording

BATCH = 256
CONTRIBUTORS = 16


@dataclass(frozen=True)
class OurPath:
    """A deployment, and one worker process that has it open: this one."""

    settings: Settings
    bench: Workbench

    @classmethod
    def create(
        cls,
        folder: Path,
        stores: Mapping[str, str] | None = None,
        feature_set: str = "speech-16k",
    ) -> "OurPath":
        """A new deployment, on the local disk where `stores` names no other place."""
        made = create_deployment(folder, datetime.now(UTC), Plan(stores=stores or {}))
        ingest = replace(made.ingest, feature_sets=(feature_set,))
        settings = replace(made, ingest=ingest)
        return cls(settings, open_workbench(settings, "benchmark"))

    def upload(self, recordings: Sequence[bytes], count: int = BATCH) -> None:
        """Seal `count` recordings and put them into the raw store, as their contributors would.

        The same recording may come many times: each time its contributor has another key for
        names, so each is a sample of its own.
        """
        upload(self.settings, recordings, count)

    def ingest(self, count: int = BATCH) -> None:
        """From sealed objects to receipts: the steps of the flow, without its orchestration."""
        limits = self.settings.ingest
        plan = make_plan(self.bench, BATCH, limits.batch_bytes, limits.max_recording_bytes)
        disposed = 0
        for batch in plan.batches:
            report = ingest_batch(self.bench, batch)
            disposed += report.disposed
            if report.disposed < len(batch):
                raise RuntimeError(f"not disposed of: {report.quarantined}, {report.left}")
        if disposed != count:
            raise RuntimeError(f"disposed of {disposed} of {count}")
        sweep_journal(self.bench)


def upload(settings: Settings, recordings: Sequence[bytes], count: int) -> None:
    """As `OurPath.upload`."""
    invite = invitations(settings)
    raw = settings.store("raw")
    for number, recording in enumerate(islice(cycle(recordings), count)):
        invitation = invite(f"contributor-{number % CONTRIBUTORS}")
        sealed = seal_recording(recording, invitation, invitation.intake_key().public)
        raw.put_if_absent(*sealed)


def invitations(settings: Settings) -> Callable[[str], Invitation]:
    """What makes a contributor's invitation, with a key for names that no other one has."""
    secret = settings.vault("inviter").get("pseudonym/key")
    raw, log = settings.store("raw").url, settings.store("log").url
    announcement = current_announcement(settings)
    return lambda contributor: Invitation(
        pseudonym(secret, contributor),
        os.urandom(32).hex(),
        raw,
        announcement,
        settings.log_vkey,
        log,
    )
