"""Reading, watching, approving and the catalog: each by its own role, with its credentials alone.

On a real S3 server. What Amazon would refuse besides, by the role's policy with its conditions on
puts, is listed and has to be nothing.
"""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import unvoiced
from tests.access.conftest import Account, server_name
from tests.access.office import Office, Person
from tests.access.test_role_jobs import SignIn, voice
from unvoiced.access.roles import Role
from unvoiced.audit import AuditTrail, Purpose
from unvoiced.audit.approvals import approve, new_approval
from unvoiced.audit.pages import tie
from unvoiced.audit.quota import ReadQuota
from unvoiced.audit.record import name_tag, parse_record
from unvoiced.audit.verify import verify_trail
from unvoiced.catalog.build import CatalogBuilder, build_all
from unvoiced.errors import AccessError, AlreadyExists, NotAllowed, StoreError
from unvoiced.keys.contributor import key_object_name
from unvoiced.log.accounts import Accounts
from unvoiced.log.ledger import Ledger
from unvoiced.reader import FeatureOpener, Opened, Wanted, feature_names
from unvoiced.sealing import PrivateKey
from unvoiced.sections import ReadingSettings
from unvoiced.stores import Store
from unvoiced.watch.report import Report
from unvoiced.watch.run import watch
from unvoiced.watch.state import NAME
from unvoiced.watch.watcher import open_watcher

pytestmark = pytest.mark.server

RECORD = "reads/2026-11-23/0123456789abcdef/019ab1c2d3e4-0123456789abcdef-1.json"
OF_THE_WATCHER = ("pages/x.json", "approvals/x.json", "reviews/x.json", "watch/x.json")


@pytest.fixture
def office(account: Account, tmp_path: Path) -> Office:
    """A deployment in the account's buckets with features of two samples of one contributor."""
    office = Office.open(account, tmp_path / "home")
    admin = office.administrator()
    for n in (1, 2):
        admin.send("anna", voice(n))
    assert admin.run().disposed == 2
    return office


@pytest.fixture
def scientist(office: Office, sign_in: SignIn) -> Person:
    """A data scientist, whose credentials this process has."""
    return office.seat(Role.DATA_SCIENTIST, sign_in(Role.DATA_SCIENTIST))


def opener(scientist: Person, per_day: int = 0) -> FeatureOpener:
    """What the scientist reads with, for training, under a quota."""
    trail = AuditTrail(scientist.store("audit"), "run")
    settings = ReadingSettings(training_per_day=per_day)
    quota = ReadQuota(
        scientist.store("audit"),
        trail.requester,
        Purpose.TRAINING,
        settings,
        scientist.verifier,
        lambda: datetime.now(UTC),
    )
    key = PrivateKey(scientist.settings.vault("dataset").get("dataset/dataset"))
    training, log = scientist.store("training"), scientist.settings.log_reader()
    return FeatureOpener(training, log, key, trail, Purpose.TRAINING, admit=quota.admit)


def read_all(scientist: Person, per_day: int = 0) -> list[str]:
    """The names of all features, each of which was opened."""
    names = [entry.name for entry in feature_names(scientist.store("training"))]
    opened = opener(scientist, per_day).open([Wanted(name) for name in names])
    assert all(isinstance(one, Opened) for one in opened)
    return names


def accounts_of(person: Person) -> Accounts:
    """The log, to append to."""
    return person.settings.accounts(person.settings.vault("worker"))


def refused(act: Callable[[], Any]) -> None:
    """These credentials may not."""
    with pytest.raises(NotAllowed):
        act()


def records(audit: Store) -> dict[str, bytes]:
    """Every version under `reads/`."""
    return {
        f"{entry.name} {entry.version}": audit.get(entry.name, entry.version).data
        for entry in audit.versions("reads/")
    }


@pytest.fixture
def desk(office: Office, account: Account, scientist: Person, tmp_path: Path) -> Path:
    """The scientist's own settings file: stores in buckets, the dataset vault on their disk."""
    folder = tmp_path / "desk"
    folder.mkdir()
    server, founder = account.server, office.founder.settings
    places = {name: server.store_url(name) for name in ("training", "log", "audit")}
    stores = "".join(f'{name} = "{url}"\n' for name, url in places.items())
    text = f'[stores]\n{stores}[vaults]\ndataset = "{founder.vault_url("dataset")}"\n'
    (folder / "unvoiced.toml").write_text(f'{text}[log]\nvkey = "{founder.log_vkey}"\n')
    assert scientist.role is Role.DATA_SCIENTIST  # whose credentials this process has
    return folder


@pytest.mark.inv("INV-8")
def test_a_data_scientist_opens_the_features_of_a_deployment(
    office: Office, scientist: Person, desk: Path
) -> None:
    """As documented, with nothing but their credentials; what was read is recorded as theirs."""
    with unvoiced.open(desk, purpose="training") as features:
        read = {sample.name: sample["log_mel"].shape[0] for sample in features.shuffle(seed=1)}
        assert features[0].name in read
        assert features.report.skipped == {}

    assert read == dict.fromkeys(
        (entry.name for entry in feature_names(office.administrator().store("training"))), 80
    )
    audit = office.hire(Role.AUDITOR).store("audit")
    parsed = [parse_record(audit.get(entry.name).data) for entry in audit.list("reads/")]
    tags = {
        tag for one in parsed for of_one in one.contributors.values() for tag in of_one.values()
    }
    assert tags == {name_tag(name) for name in read}
    whose = AuditTrail(scientist.store("audit"), "run").requester
    assert {(one.requester, one.purpose) for one in parsed} == {(whose, "training")}
    assert server_name(Role.DATA_SCIENTIST) in whose


@pytest.mark.inv("INV-8")
def test_where_nothing_can_be_recorded_nothing_is_read(
    account: Account, office: Office, desk: Path, sign_in: SignIn
) -> None:
    """With credentials that may read all the same, but add nothing to the audit trail."""
    archivist = account.server.client(sign_in(Role.ARCHIVIST))  # it reads training and log too
    assert archivist.list_objects_v2(Bucket="training")["KeyCount"]
    with unvoiced.open(desk, purpose="training") as features, pytest.raises(NotAllowed):
        next(iter(features))
    assert list(office.administrator().store("audit").list("reads/")) == []


@pytest.mark.inv("INV-8")
def test_who_reads_cannot_take_back_what_is_recorded(office: Office, scientist: Person) -> None:
    """Nor read it, hide it, or put another over it; and makes no page, approval or review."""
    read_all(scientist)
    audit, kept = scientist.store("audit"), records(office.administrator().store("audit"))
    assert scientist.would_be_refused_at_amazon() == []
    assert kept

    for entry in list(audit.versions("reads/")):
        refused(lambda entry=entry: audit.get(entry.name))
        refused(lambda entry=entry: audit.delete(entry.name, entry.version))
        with pytest.raises(AlreadyExists):
            audit.put_if_absent(entry.name, b"another")
        with pytest.raises(StoreError):  # it may not look at what it would replace
            audit.replace(entry.name, b"another", version=entry.version)
    for name in OF_THE_WATCHER:
        refused(lambda name=name: audit.put_if_absent(name, b"mine"))

    assert records(office.administrator().store("audit")) == kept


def test_the_watcher_ties_what_was_read_into_the_log(office: Office, scientist: Person) -> None:
    """With its credentials alone; then nobody's reading is untied, and a second time adds none."""
    read_all(scientist)
    read_all(scientist)
    watcher = office.hire(Role.WATCHER)

    tied = tie(watcher.store("audit"), accounts_of(watcher), lambda: datetime.now(UTC))
    again = tie(watcher.store("audit"), accounts_of(watcher), lambda: datetime.now(UTC))

    stand = list(office.administrator().store("audit").list("reads/"))
    assert (tied.records, again.records) == (len(stand), 0)
    assert (again.missing, again.foreign) == ([], [])
    ledger = Ledger()
    log = office.hire(Role.AUDITOR).settings.log_reader()
    ledger.follow(log.entries, log.checkpoint().size)
    assert len(ledger.audited) >= 1
    assert watcher.would_be_refused_at_amazon() == []


def test_an_auditor_verifies_the_trail_and_tells_whose_features_were_read(
    office: Office, scientist: Person
) -> None:
    """By the digest of the contributor's key object, which is all it may read in that store."""
    names = read_all(scientist)
    watcher, auditor = office.hire(Role.WATCHER), office.hire(Role.AUDITOR)
    tie(watcher.store("audit"), accounts_of(watcher), lambda: datetime.now(UTC))
    audit, log = auditor.store("audit"), auditor.settings.log_reader()

    report = verify_trail(audit, log, audit_days=365, now=datetime.now(UTC))

    assert (report.intact, report.tied, report.records) == (True, 1, 1)
    training, whose = auditor.store("training"), names[0].split("/")[2]
    key = hashlib.sha256(training.get(key_object_name(whose)).data).hexdigest()
    (entry,) = audit.list("reads/")
    assert len(parse_record(audit.get(entry.name).data).contributors[key]) == len(names)
    assert auditor.would_be_refused_at_amazon() == []
    refused(lambda: training.get(names[0]))
    refused(lambda: audit.delete(entry.name, entry.version))


def test_who_watches_opens_nothing_and_changes_no_record(office: Office, scientist: Person) -> None:
    """It sees what there is by name; a feature, the dataset key and the raw store stay shut."""
    names = read_all(scientist)
    watcher = office.hire(Role.WATCHER)
    audit, kept = watcher.store("audit"), records(office.administrator().store("audit"))
    assert records(audit) == kept

    assert [entry.name for entry in feature_names(watcher.store("training"))] == names
    refused(lambda: watcher.store("training").get(names[0]))
    refused(lambda: watcher.settings.vault("dataset").get("dataset/dataset"))
    refused(lambda: watcher.settings.vault("worker").get("content/tag"))
    refused(lambda: list(watcher.store("journal").list()))
    refused(lambda: audit.put_if_absent(RECORD, b"a read that never was"))
    for entry in list(audit.versions()):
        refused(lambda entry=entry: audit.delete(entry.name, entry.version))

    assert records(office.administrator().store("audit")) == kept


def test_the_watch_runs_with_the_watchers_credentials(office: Office, scientist: Person) -> None:
    """It sees what was read, remembers how far it has looked, and goes on from there."""
    read_all(scientist)
    watcher = office.hire(Role.WATCHER)

    def look() -> Report:
        return watch(open_watcher(watcher.settings, "run"))

    first = look()
    read_all(scientist)
    second = look()

    assert (first.tied, first.recorded) == (1, 2)
    assert (second.tied, second.recorded) == (1, 2)
    assert NAME in {one.name for one in office.administrator().store("audit").list("watch/")}
    assert watcher.would_be_refused_at_amazon() == []


def test_who_approves_lets_another_read_on(office: Office, scientist: Person) -> None:
    """Beyond the quota nothing is read, until the watcher's approval is in the log."""
    with pytest.raises(AccessError, match="may read 1 objects a day"):
        read_all(scientist, per_day=1)
    assert list(office.administrator().store("audit").list("reads/")) == []
    watcher, now = office.hire(Role.WATCHER), datetime.now(UTC)
    whose = AuditTrail(scientist.store("audit"), "run").requester
    approval = new_approval(
        whose, Purpose.TRAINING, 2, f"{now:%Y-%m-%d}", "a new model", "arn:aws:iam::1:user/eve", now
    )
    signer = watcher.settings.signer(watcher.settings.vault("worker"))

    approve(watcher.store("audit"), accounts_of(watcher), signer, approval, now)

    assert len(read_all(scientist, per_day=1)) == 2
    assert scientist.would_be_refused_at_amazon() == []
    assert watcher.would_be_refused_at_amazon() == []


def test_the_worker_builds_the_catalog_and_others_only_read_it(office: Office) -> None:
    """Built anew after something changed too; who reads it, or archives, puts none of it."""
    worker = office.hire(Role.WORKER)
    (first,) = build_all(CatalogBuilder.of(worker.settings))
    office.administrator().send("anna", voice(3))
    assert office.hire(Role.WORKER).run().disposed == 1
    (second,) = build_all(CatalogBuilder.of(worker.settings))
    assert (first.rows, first.new, second.rows, second.new) == (2, 2, 3, 1)
    assert worker.would_be_refused_at_amazon() == []

    (shard,) = office.administrator().store("training").list("catalog/")
    for role in (Role.DATA_SCIENTIST, Role.ARCHIVIST):
        training = office.hire(role).store("training")
        assert training.get(shard.name).data.startswith(b"PAR1")
        refused(lambda training=training: training.put_if_absent("catalog/x.parquet", b"mine"))
        refused(lambda training=training: training.delete(shard.name, shard.version))
    refused(lambda: office.hire(Role.WATCHER).store("training").get(shard.name))
