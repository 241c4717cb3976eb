"""Where originals are read from: the archive, or the raw store while they still stand there.

Nothing here changes an original. Only what the log knows is opened: in the archive what a receipt
names, in raw what was accepted and is not settled.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from unvoiced import names
from unvoiced.backfill.outcome import Backfilled, Original, Skipped
from unvoiced.disposal.labels import Labels, genuine_labels
from unvoiced.disposal.quarantine import Records
from unvoiced.errors import (
    CredentialsExpired,
    InputError,
    NotAllowed,
    NotFound,
    OpenError,
    StoreError,
)
from unvoiced.ingest.accepting import accept
from unvoiced.ingest.archive import archive_context
from unvoiced.ingest.outcome import BatchReport, Item
from unvoiced.ingest.recording import (
    KeyNotHere,
    Refused,
    SealedRecording,
    identify,
    open_upload,
)
from unvoiced.ingest.workbench import Workbench
from unvoiced.keys.pseudonyms import content_tag
from unvoiced.log.accounts import Accounts
from unvoiced.log.note import Verifier
from unvoiced.sealing import Keyring, Plaintext, open_sealed, parse_header
from unvoiced.stores import Store


@dataclass(frozen=True)
class Origin:
    """What features say of where they come from."""

    pseudonym: str
    sample: str
    tag: str  # of what was recorded
    source_sha256: str  # of the sealed recording as it was uploaded


@dataclass(frozen=True)
class ArchiveSource:
    """Archived originals, and the keys that open them."""

    store: Store
    keys: Keyring
    accounts: Accounts
    verifier: Verifier

    def quarantined(self) -> Records:
        """Nothing in the archive ever is."""
        return Records()

    def labels(self, original: Original) -> Labels | None:
        """What it was put with, empty unless the log's key signed that; None where it is gone."""
        kept = self.store.keeping(original.name, original.version)
        if kept is None:
            return None
        return genuine_labels(original.name, kept, self.verifier) or Labels("", "")

    def read(self, originals: Sequence[Original], report: Backfilled) -> Iterator[SealedRecording]:
        """Those that can be read and that the log knows, one at a time."""
        archived = self.accounts.current().archived
        for original in originals:
            try:
                stored = self.store.get(original.name, original.version)
            except NotFound:
                report.skipped.append((original.name, "gone"))
                continue
            except (CredentialsExpired, NotAllowed):
                raise  # for every other one too
            except StoreError as error:
                report.left.append((original.name, str(error)))
                continue
            report.read_bytes += len(stored.data)
            recording = SealedRecording.of(original.name, original.version, stored.data)
            if recording.sha256 in archived:
                yield recording
            else:
                report.skipped.append((original.name, "not-in-log"))

    @contextmanager
    def opened(self, recording: SealedRecording) -> Iterator[tuple[Plaintext, Origin]]:
        """Open an original for one `with` block. Raises `Skipped`."""
        origin = _archived_origin(recording)
        context = archive_context(origin.pseudonym, origin.sample, origin.source_sha256, origin.tag)
        try:
            with open_sealed(recording.data, self.keys, context) as plaintext:
                yield plaintext, origin
        except OpenError:
            raise Skipped("does-not-open") from None


def _archived_origin(recording: SealedRecording) -> Origin:
    parsed = names.parse_sealed_name(recording.name)
    if parsed is None:
        raise Skipped("name-not-recognised")
    try:
        context: Mapping[str, object] = parse_header(recording.data).context
    except InputError:
        raise Skipped("unknown-format") from None
    said = tuple(context.get(name) for name in ("purpose", "pseudonym", "sample"))
    if said != ("archive", *parsed):
        raise Skipped("context-mismatch")
    return Origin(*parsed, str(context.get("content_tag")), str(context.get("source_sha256")))


@dataclass(frozen=True)
class RawSource:
    """Recordings that no run has disposed of yet, and the worker's keys that open them."""

    workbench: Workbench

    @property
    def store(self) -> Store:
        """The raw store."""
        return self.workbench.raw

    def quarantined(self) -> Records:
        """What no run could ingest."""
        in_log = self.workbench.accounts.current().quarantined
        return self.workbench.quarantine.records().in_quarantine(in_log)

    def labels(self, _: Original) -> Labels | None:
        """A recording says what it is only when it has been opened."""
        return None

    def read(self, originals: Sequence[Original], report: Backfilled) -> Iterator[SealedRecording]:
        """Those that can be read, accepted as ingest would; then the log knows them."""
        items = [Item(one.name, one.version, one.size) for one in originals]
        accepting = BatchReport()
        recordings = accept(items, self.workbench, accepting)
        report.read_bytes += accepting.sealed_bytes
        report.left += accepting.left.items()
        taken = {(one.name, one.version) for one in recordings}
        report.skipped += [
            (one.name, "gone")
            for one in items
            if (one.name, one.version) not in taken and one.name not in accepting.left
        ]
        yield from recordings

    @contextmanager
    def opened(self, recording: SealedRecording) -> Iterator[tuple[Plaintext, Origin]]:
        """Open a recording for one `with` block. Raises `Skipped`."""
        bench = self.workbench
        try:
            pseudonym, sample = identify(recording, bench)
            with open_upload(recording, pseudonym, sample, bench) as plaintext:
                tag = content_tag(bench.content_key, plaintext.data)
                yield plaintext, Origin(pseudonym, sample, tag, recording.sha256)
        except Refused as refused:
            raise Skipped(refused.reason) from None
        except KeyNotHere:
            raise Skipped("intake-key-not-here") from None
        except OpenError:
            raise Skipped("does-not-open") from None


Source = ArchiveSource | RawSource
