"""Originals that are kept: what stands in the archive, who can open it, and what destroys nothing.

The archive here is a memory store with versions, whose locks end by the deployment's own clock.
"""

import hmac
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
import rfc8785
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tests.ingest.claims import finished
from tests.ingest.dying import Died, dies
from tests.ingest.home import START, STORES, Home, Sent, digest, expected, same
from tests.ingest.hooked_store import HookedStore, once
from unvoiced.config import Role
from unvoiced.disposal import (
    ArchivedOriginal,
    Cause,
    Held,
    Journal,
    JournalEntry,
    Observation,
    PlacedFeatures,
    Receipt,
    clear,
)
from unvoiced.errors import InputError, NotDisposed, OpenError, StoreError
from unvoiced.ingest.recording import raw_context
from unvoiced.keys.pseudonyms import content_tag
from unvoiced.log.leaves import encode_leaf
from unvoiced.log.verify import verify_log
from unvoiced.sealing import PrivateKey, open_sealed, seal
from unvoiced.stores import Keeping
from unvoiced.stores.memory import MemoryStore

LOCKED = {"mode": "GOVERNANCE", "storage_class": "GLACIER"}
Lie = Callable[[Keeping], Keeping | None]


@pytest.fixture(params=["memory", "file"])
def kept(request: pytest.FixtureRequest, home: Home) -> Home:
    """A deployment that archives everything: in memory with versions, or in files."""
    home = home.in_memory(versioned=True) if request.param == "memory" else home
    return home.archiving("*")


@pytest.fixture
def memory(home: Home) -> Home:
    """A deployment that archives everything, in memory with versions."""
    return home.in_memory(versioned=True).archiving("*")


def archive_name(sent: Sent) -> str:
    """Where its original belongs in the archive."""
    return f"{sent.pseudonym}/{sent.sample}.unv"


def put(home: Home, name: str, data: bytes, **labels: str) -> str:
    """What somebody puts who may put into the archive; no worker."""
    until = START + timedelta(days=3000)
    return home.store("archive").put_locked(name, data, until=until, labels=labels, **LOCKED)


def second_under_the_name(home: Home, first: Sent, voice: bytes) -> Sent:
    """Another recording under a name that was used before."""
    sealed = seal(voice, home.intake().public, raw_context(first.pseudonym, first.sample))
    return home.put(first.name, sealed, voice)


@pytest.mark.inv("INV-3", "INV-4")
def test_an_archived_copy_is_the_recording_bit_for_bit(kept: Home, voices: list[bytes]) -> None:
    """Opened with the archive's key; its receipt says its digest and lock, and the log verifies."""
    sent = [kept.send("anna", voices[0]), kept.send("bruno", voices[1])]
    vault = kept.settings.folder / "keys" / "archive"

    vault.rename(vault.with_name("elsewhere"))  # no worker ever opens it
    report = kept.run()
    vault.with_name("elsewhere").rename(vault)

    assert (report.disposed, report.archived, report.left) == (2, 2, {})
    assert sorted(kept.archived()) == sorted((archive_name(one), one.data) for one in sent)
    finished(kept, sent)
    archive = kept.store("archive")
    for one in sent:
        leaf = next(leaf for leaf in kept.leaves("disposed") if leaf.digest == one.sha256)
        entry = next(iter(archive.versions(archive_name(one))))
        keeping = archive.keeping(entry.name, entry.version)
        assert keeping is not None
        assert keeping.retain_until is not None
        assert leaf.fields["cause"] == Cause.ARCHIVED.value
        assert leaf.fields["archived"] == {
            "sha256": digest(archive.get(entry.name).data),
            "storage_class": keeping.storage_class,
            "retain_until": keeping.retain_until.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        assert keeping.retain_until >= START + timedelta(days=kept.settings.retention.archive_days)
    assert len(verify_log(kept.store("log"), kept.verifier).ledger.archived) == 2
    assert kept.status().archived == 2
    assert kept.run().recordings == 0


@pytest.mark.inv("INV-2")
def test_no_key_but_the_archives_opens_a_copy(memory: Home, voices: list[bytes]) -> None:
    """Every private key of every other vault was tried."""
    memory.send("anna", voices[0])
    memory.run()
    archive = memory.store("archive")
    name = next(entry.name for entry in archive.list() if entry.name.endswith(".unv"))
    sealed = archive.get(name).data
    tried = 0
    for role in get_args(Role):
        vault = memory.settings.vault(role)
        for entry in vault.store.list():
            secret = vault.get(entry.name.removesuffix(".key")) if ".key" in entry.name else b""
            if len(secret) == 96 and role != "archive":
                tried += 1
                with pytest.raises(OpenError):
                    open_sealed(sealed, PrivateKey(secret), {})
    assert tried == 2  # the worker's intake key, and the dataset key


@pytest.mark.parametrize("policy", [(), ("*",)])
def test_features_do_not_depend_on_whether_the_original_is_kept(
    memory: Home, voices: list[bytes], policy: tuple[str, ...]
) -> None:
    """The same arrays, under the same name."""
    sent = memory.send("anna", voices[0])
    memory.archiving(*policy).run()
    assert same(memory.features()[sent.feature_name], expected(voices[0]))


def test_policy_chooses_by_contributor_and_by_beginning_of_the_name(
    home: Home, voices: list[bytes]
) -> None:
    """Those it does not name are deleted, and their receipts say so."""
    home = home.in_memory(versioned=True)
    whole, part, other = (home.send(who, voices[0]) for who in ("anna", "bruno", "carla"))
    not_this = home.send("bruno", voices[1])

    home.archiving(whole.pseudonym, f"{part.pseudonym}/{part.sample[:6]}").run()

    assert sorted(name for name, _ in home.archived()) == sorted(map(archive_name, (whole, part)))
    causes = {leaf.digest: leaf.fields["cause"] for leaf in home.leaves("disposed")}
    assert causes[other.sha256] == causes[not_this.sha256] == Cause.FEATURES.value
    assert causes[whole.sha256] == causes[part.sha256] == Cause.ARCHIVED.value


@pytest.mark.inv("INV-6")
def test_the_same_recording_sent_again_adopts_the_copy(kept: Home, voices: list[bytes]) -> None:
    """Two receipts, one copy, one feature object."""
    kept.send("anna", voices[0])
    kept.run()
    kept.send("anna", voices[0])

    report = kept.run()

    assert (report.disposed, report.archived, report.left) == (1, 1, {})
    assert len(kept.archived()) == 1
    assert len(kept.features()) == 1
    copies = {leaf.fields["archived"]["sha256"] for leaf in kept.leaves("disposed")}  # type: ignore[call-overload,index]  # a mapping
    assert copies == verify_log(kept.store("log"), kept.verifier).ledger.archived


@pytest.mark.inv("INV-3")
def test_a_copy_of_which_the_lock_has_ended_is_not_relied_on(
    memory: Home, voices: list[bytes]
) -> None:
    """It may go any day: the recording stays until retention has destroyed it, then has its own."""
    memory.send("anna", voices[0])
    memory.run()
    memory.clock.forward(memory.settings.retention.archive_days + 1)
    again = memory.send("anna", voices[0])

    report = memory.run()

    assert "lock" in report.left[again.name]
    assert memory.standing() == {again.sha256}
    archive = memory.store("archive")
    entry = next(iter(archive.versions(archive_name(again))))
    archive.delete(entry.name, entry.version)
    assert memory.run().archived == 1
    assert memory.archived() == [(archive_name(again), voices[0])]


@pytest.mark.inv("INV-6")
@pytest.mark.parametrize("features_are_there", [True, False])
def test_another_recording_under_the_same_name_has_a_copy_of_its_own(
    memory: Home, voices: list[bytes], features_are_there: bool
) -> None:
    """Also where only the copy tells, as the first one's features are gone; no features stray."""
    first = memory.send("anna", voices[0])
    memory.run()
    if not features_are_there:
        training = memory.store("training")
        for entry in list(training.versions("features/")):
            training.delete(entry.name, entry.version)
    second = second_under_the_name(memory, first, voices[1])

    report = memory.run()

    assert (report.archived, report.left) == (1, {})
    tag = content_tag(memory.settings.vault("worker").get("content/tag"), voices[1])
    own = f"{second.pseudonym}/{second.sample}-{tag[:8]}.unv"
    assert sorted(memory.archived()) == sorted([(archive_name(first), voices[0]), (own, voices[1])])
    assert len(memory.features()) == 1 + features_are_there
    assert memory.features(own)


def garbage(_: Home, __: Sent) -> dict[str, str]:
    """No labels at all."""
    return {}


def made_up(_: Home, __: Sent) -> dict[str, str]:
    """Labels of the right form."""
    return {"sha256": "0" * 64, "content": "1" * 64, "signature": "2" * 64}


def well_informed(home: Home, sent: Sent) -> dict[str, str]:
    """A digest that the log knows as archived, and the very tag of what is coming."""
    known = verify_log(home.store("log"), home.verifier).ledger.archived
    tag = content_tag(home.settings.vault("worker").get("content/tag"), sent.data)
    return {"sha256": min(known), "content": tag}


def borrowed(home: Home, _: Sent) -> dict[str, str]:
    """All labels of a genuine copy, which stands under another name."""
    archive = home.store("archive")
    entry = next(entry for entry in archive.list() if entry.name.endswith(".unv"))
    keeping = archive.keeping(entry.name, entry.version)
    assert keeping is not None
    return dict(keeping.labels)


@pytest.mark.inv("INV-3", "INV-4")
@pytest.mark.parametrize("labels", [garbage, made_up, well_informed, borrowed])
def test_what_is_planted_under_an_archive_name_gets_nothing_destroyed(
    memory: Home, voices: list[bytes], labels: Callable[[Home, Sent], dict[str, str]]
) -> None:
    """Whoever can put there, and knows all that is public, holds a recording up and no more."""
    memory.send("bruno", voices[1])
    memory.run()
    sent = memory.send("anna", voices[0])
    put(memory, archive_name(sent), b"garbage", **labels(memory, sent))

    report = memory.run()

    assert "no run of this deployment put" in report.left[sent.name]
    assert memory.standing() == {sent.sha256}
    assert [leaf for leaf in memory.leaves("disposed") if leaf.digest == sent.sha256] == []
    assert memory.status().adds_up
    assert len(memory.features()) == 1  # none of this one, as nothing can become of it yet


@pytest.mark.inv("INV-4")
def test_a_copy_of_the_labels_on_top_hides_no_genuine_copy(
    memory: Home, voices: list[bytes]
) -> None:
    """The recording sent again is tied to the version that was there first."""
    memory.send("anna", voices[0])
    memory.run()
    archive = memory.store("archive")
    assert isinstance(archive, MemoryStore)
    genuine = next(entry for entry in archive.list() if entry.name.endswith(".unv"))
    keeping = archive.keeping(genuine.name, genuine.version)
    assert keeping is not None
    archive.hide(genuine.name)
    put(memory, genuine.name, b"garbage", **keeping.labels)
    memory.send("anna", voices[0])
    seen: list[str] = []

    def around(operation: str, name: str, proceed: Callable[[], Any]) -> Any:
        if operation == "put_if_absent" and name.startswith("pages/"):
            proceed()
            pages = Journal(memory.store("journal")).pages()
            seen.extend(e.archived.version for p in pages for e in p.entries if e.archived)
            return "v"
        return proceed()

    report = memory.on(journal=HookedStore(memory.store("journal"), around)).run()

    assert report.archived == 1
    assert set(seen) - {""} == {genuine.version}


@pytest.mark.inv("INV-4")
def test_labels_of_a_copy_that_was_destroyed_are_worth_nothing(
    memory: Home, voices: list[bytes]
) -> None:
    """Kept by somebody since, and put on garbage when the log says that the copy is gone."""
    memory.send("anna", voices[0])
    memory.run()
    archive = memory.store("archive")
    entry = next(entry for entry in archive.list() if entry.name.endswith(".unv"))
    keeping = archive.keeping(entry.name, entry.version)
    assert keeping is not None
    memory.clock.forward(memory.settings.retention.archive_days + 1)
    archive.delete(entry.name, entry.version)
    gone = encode_leaf("archive-destroyed", keeping.labels["sha256"], START, observed={"n": 0})
    memory.settings.accounts(memory.settings.vault("worker")).append([gone])
    until = START + timedelta(days=9000)
    archive.put_locked(entry.name, b"garbage", until=until, labels=keeping.labels, **LOCKED)
    sent = memory.send("anna", voices[0])

    report = memory.run()

    assert "no run of this deployment put" in report.left[sent.name]
    assert memory.standing() == {sent.sha256}


def no_lock(kept: Keeping) -> Keeping:
    """As a bucket that takes the put, and no lock."""
    return replace(kept, retain_until=None)


def short_lock(kept: Keeping) -> Keeping:
    """A day less than was asked for."""
    assert kept.retain_until is not None
    return replace(kept, retain_until=kept.retain_until - timedelta(days=1))


def other_digest(kept: Keeping) -> Keeping:
    """Another object's label."""
    return replace(kept, labels={**kept.labels, "sha256": "0" * 64})


def gone(_: Keeping) -> None:
    """Gone between the put and the look."""
    return


@pytest.mark.inv("INV-3", "INV-4")
@pytest.mark.parametrize("lie", [no_lock, short_lock, other_digest, gone])
def test_an_archive_that_does_not_keep_what_was_asked_gets_nothing_destroyed(
    memory: Home, voices: list[bytes], lie: Lie
) -> None:
    """No receipt, and the original stays; once the archive says the truth, it goes."""
    sent = memory.send("anna", voices[0])
    archive = memory.store("archive")

    def around(operation: str, _: str, proceed: Callable[[], Any]) -> Any:
        found = proceed()
        return lie(found) if operation == "keeping" and found is not None else found

    report = memory.on(archive=HookedStore(archive, around)).run()

    assert "archived copy was not seen as journalled" in report.left[sent.name]
    assert (report.disposed, report.archived) == (0, 0)
    assert memory.standing() == {sent.sha256}
    assert memory.leaves("disposed") == []
    assert memory.status().adds_up
    assert memory.run().archived == 1
    assert memory.archived() == [(archive_name(sent), voices[0])]
    finished(memory, [sent])


@pytest.mark.inv("INV-4")
def test_neither_leave_nor_receipt_without_a_copy_that_was_seen() -> None:
    """The policy and the receipt's own constructor both refuse."""
    copy = ArchivedOriginal("p/s.unv", "c" * 64, "GLACIER", "2029-11-22T08:00:00Z", "v1")
    features = (PlacedFeatures("features/x/p/s.unv", "d" * 64, "f" * 64),)
    entry = JournalEntry("p/s.unv", "v", "a" * 64, features, "keys/p.unv", "b" * 64, copy)
    read_back = {"features/x/p/s.unv": "f" * 64, "keys/p.unv": "b" * 64}
    until = datetime(2029, 11, 22, 8, tzinfo=UTC)
    good = Keeping(1, "GLACIER", until, labels={"sha256": "c" * 64})
    seen = Observation(
        version_readable=False, version_listed=False, current="absent", delete_markers=0, time=START
    )
    nobody = Held(frozenset())
    clear(entry, read_back, nobody, good)
    Receipt("a" * 64, "x", features, seen, "test", Cause.ARCHIVED, copy, good)
    for kept in (None, no_lock(good), short_lock(good), other_digest(good)):
        with pytest.raises(NotDisposed):
            clear(entry, read_back, nobody, kept)
        with pytest.raises(NotDisposed):
            Receipt("a" * 64, "x", features, seen, "test", Cause.ARCHIVED, copy, kept)
    with pytest.raises(NotDisposed):
        Receipt("a" * 64, "x", features, seen, "test", Cause.ARCHIVED)
    with pytest.raises(NotDisposed):
        Receipt("a" * 64, "x", features, seen, "test", Cause.FEATURES, copy, good)


@pytest.mark.inv("INV-5")
def test_an_archive_that_fails_in_the_middle_of_a_batch_holds_up_only_what_it_takes(
    memory: Home, voices: list[bytes]
) -> None:
    """What policy deletes goes on; the others stay, and the next run archives them, once each."""
    sent = [memory.send("anna", voice) for voice in voices[:3]]
    deleted = memory.send("bruno", voices[3])
    puts = iter(range(99))

    def around(operation: str, name: str, proceed: Callable[[], Any]) -> Any:
        if operation == "put_locked" and next(puts) >= 1:
            raise StoreError(f"{name}: nobody answers")
        return proceed()

    archive = HookedStore(memory.store("archive"), around)
    report = memory.archiving(sent[0].pseudonym).on(archive=archive).run()

    assert (report.disposed, report.archived, len(report.left)) == (2, 1, 2)
    assert all("nobody answers" in why for why in report.left.values())
    assert deleted.sha256 not in memory.standing()
    assert memory.status().adds_up
    assert memory.run().archived == 2
    assert sorted(memory.archived()) == sorted((archive_name(one), one.data) for one in sent)
    finished(memory, [*sent, deleted])


def test_an_archive_that_does_not_answer_stops_a_run_before_it_begins(
    memory: Home, voices: list[bytes]
) -> None:
    """Nothing is accepted, opened or placed."""
    memory.send("anna", voices[0])
    size = memory.status().log_size

    class Unreachable(HookedStore):
        def check_conditions(self, *, replacing: bool = True) -> None:
            raise StoreError("the archive: nobody answers")

    with pytest.raises(StoreError, match="nobody answers"):
        memory.on(archive=Unreachable(memory.store("archive"), lambda *_: None)).run()
    assert memory.status().log_size == size


def test_a_policy_without_an_archive_is_refused_before_anything(home: Home) -> None:
    """The message names what is missing; without a policy such a deployment works as before."""
    settings = replace(
        home.settings,
        stores={name: url for name, url in home.settings.stores.items() if name != "archive"},
    )
    old = replace(home, settings=settings)
    with pytest.raises(InputError, match=r"\[stores\] has no archive"):
        old.archiving("*").bench()
    assert not list(home.store("training").list())


def test_a_deployment_from_before_there_was_an_archive_works(
    home: Home, voices: list[bytes]
) -> None:
    """No archive store, no key to seal to, and a journal page that says nothing of archives."""
    (home.settings.folder / "keys/worker/recipient/archive.key").unlink()
    settings = replace(
        home.settings,
        stores={name: url for name, url in home.settings.stores.items() if name != "archive"},
    )
    old = replace(home, settings=settings)
    sent = old.send("anna", voices[0])

    def die() -> None:
        raise Died

    assert dies(old.on(raw=HookedStore(old.store("raw"), once("delete", "", die))).run)
    rewrite_as_before(old)

    assert old.run().disposed == 1
    finished(old, [sent])


def rewrite_as_before(home: Home) -> None:
    """Write the journal's pages anew without the field `archived`, as workers did."""
    key = home.settings.vault("worker").get("content/tag")
    journal = home.store("journal")
    for page in list(Journal(journal, key).pages()):
        listed = journal.head(page.name)
        assert listed is not None
        journal.delete(listed.name, listed.version)
        journal.put_if_absent(page.name, page_as_before(page.name, page.entries, key))


def page_as_before(name: str, entries: tuple[JournalEntry, ...], key: bytes) -> bytes:
    """The bytes of a page in the older form, with a worker's MAC."""
    items = [{k: v for k, v in asdict(e).items() if k != "archived"} for e in entries]
    said: Any = {"entries": items, "page": name}
    mac_key = HKDF(SHA256(), 32, None, b"journal").derive(key)
    page: Any = {"entries": items, "mac": hmac.digest(mac_key, rfc8785.dumps(said), "sha256").hex()}
    return rfc8785.dumps(page)


@pytest.mark.inv("INV-6")
@pytest.mark.parametrize("moment", ["put_locked", "keeping", "versions"])
def test_two_runs_at_once_make_one_copy(memory: Home, voices: list[bytes], moment: str) -> None:
    """A whole second run goes through while the first is about to ask the archive something."""
    sent = memory.send("anna", voices[0])
    archive = memory.store("archive")
    for after in (False, True):
        second = once(moment, sent.pseudonym, memory.run, after=after)
        memory.on(archive=HookedStore(archive, second)).run()
        assert memory.archived() == [(archive_name(sent), voices[0])]
        assert memory.standing() == set()
        assert memory.status().adds_up
        assert memory.journalled() == set()
        sent = memory.send("anna", voices[0])


@pytest.mark.inv("INV-3")
def test_what_was_journalled_to_be_archived_is_archived_whatever_policy_says_later(
    memory: Home, voices: list[bytes]
) -> None:
    """A run dies after it has put the copy; the next one's policy archives nothing."""
    sent = memory.send("anna", voices[0])

    def die() -> None:
        raise Died

    archive = HookedStore(memory.store("archive"), once("put_locked", "", die, after=True))
    assert dies(memory.on(archive=archive).run)

    report = memory.archiving().run()

    assert (report.disposed, report.archived) == (1, 1)
    assert memory.leaves("disposed")[0].fields["cause"] == Cause.ARCHIVED.value
    assert memory.archived() == [(archive_name(sent), voices[0])]


@pytest.mark.inv("INV-3")
def test_what_policy_came_to_archive_is_not_deleted_by_finishing(
    memory: Home, voices: list[bytes]
) -> None:
    """A run that deletes dies before it does; by the next one's policy the original is kept."""
    sent = memory.send("anna", voices[0])

    def die() -> None:
        raise Died

    raw = HookedStore(memory.store("raw"), once("delete", "", die))
    assert dies(memory.archiving().on(raw=raw).run)

    assert memory.run().archived == 1
    assert memory.archived() == [(archive_name(sent), voices[0])]
    finished(memory, [sent])


@pytest.mark.inv("INV-4")
def test_a_receipt_says_archived_where_one_of_two_runs_archived(
    memory: Home, voices: list[bytes]
) -> None:
    """One journalled to delete and died, the next, by another policy, archived and died as well."""
    sent = memory.send("anna", voices[0])

    def die() -> None:
        raise Died

    for policy, after in (((), False), (("*",), True)):
        raw = HookedStore(memory.store("raw"), once("delete", "", die, after=after))
        assert dies(memory.archiving(*policy).on(raw=raw).run)

    assert memory.run().archived == 1
    assert [leaf.fields["cause"] for leaf in memory.leaves("disposed")] == [Cause.ARCHIVED.value]
    assert memory.archived() == [(archive_name(sent), voices[0])]


@pytest.mark.inv("INV-5")
def test_a_copy_that_is_gone_with_its_original_is_not_called_finishing(
    memory: Home, voices: list[bytes]
) -> None:
    """Journalled, destroyed, and the copy vanished before the receipt: lost, and missing."""
    sent = memory.send("anna", voices[0])

    def die() -> None:
        raise Died

    raw = HookedStore(memory.store("raw"), once("delete", "", die, after=True))
    assert dies(memory.on(raw=raw).run)
    assert (memory.status().adds_up, memory.status().finishing) == (True, 1)
    memory = memory.on(archive=MemoryStore("archive", versioned=True, now=memory.clock))

    assert memory.run().lost == [sent.name]
    assert memory.status().missing == [sent.sha256]


def test_the_stores_hold_names_as_before(kept: Home, voices: list[bytes]) -> None:
    """Archiving adds one object under the recording's own name, and no other anywhere."""
    sent = kept.send("anna", voices[0])
    kept.run()
    names = {name: [e.name for e in kept.store(name).list()] for name in STORES}
    assert [n for n in names["archive"] if not n.startswith("probe/")] == [archive_name(sent)]
    assert names["raw"] == names["journal"] == names["audit"] == []
    assert [n for n in names["training"] if not n.startswith("probe/")] == [
        sent.feature_name,
        f"keys/{sent.pseudonym}.unv",
    ]
