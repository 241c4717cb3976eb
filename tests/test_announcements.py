"""Which intake key an invitation names, whatever else lies among the announcements."""

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.ingest.home import Home
from tests.ingest.killing import When, killed_at
from unvoiced import deployment
from unvoiced.announcements import announcement_name, create_intake_key, current_announcement
from unvoiced.config import FILE_NAME, Settings, load_settings
from unvoiced.deployment import create_deployment
from unvoiced.errors import InputError, StoreError
from unvoiced.ingest.workbench import open_workbench
from unvoiced.keys.intake import IntakeKey
from unvoiced.log.note import Signer
from unvoiced.sealing import PrivateKey

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)  # 2026-w48
NEXT_WEEK = NOW + timedelta(days=7)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A deployment with one epoch."""
    return create_deployment(tmp_path / "home", NOW)


def announced(settings: Settings, epoch: str = "2026-w48") -> bytes:
    """What stands under an epoch's name."""
    return settings.store("log").get(announcement_name(epoch)).data


def signer(settings: Settings) -> Signer:
    """The log's own."""
    key = settings.vault("worker").get("log/signing")
    name = settings.log_vkey.partition("+")[0]
    return Signer(name, Ed25519PrivateKey.from_private_bytes(key))


def take_away(settings: Settings, epoch: str) -> None:
    """Remove an announcement."""
    log = settings.store("log")
    log.delete(announcement_name(epoch), log.get(announcement_name(epoch)).version)


def test_the_newest_epochs_announcement_is_current(settings: Settings) -> None:
    """Last week's stays where it is and is not handed out."""
    assert current_announcement(settings).encode() == announced(settings)
    create_intake_key(settings, settings.vault("worker"), NEXT_WEEK)
    assert current_announcement(settings).encode() == announced(settings, "2026-w49")


def test_the_newest_year_comes_first(tmp_path: Path) -> None:
    """Epochs are in order of time by name, over the turn of a year too."""
    settings = create_deployment(tmp_path / "home", datetime(2026, 12, 31, tzinfo=UTC))
    create_intake_key(settings, settings.vault("worker"), datetime(2027, 1, 4, tzinfo=UTC))
    assert current_announcement(settings).encode() == announced(settings, "2027-w01")


def planted(settings: Settings) -> dict[str, bytes]:
    """What somebody who may write the log's store could put there, by what it is."""
    name = settings.log_vkey.partition("+")[0]
    mine = PrivateKey.generate().public
    stranger = Signer(name, Ed25519PrivateKey.generate())
    genuine = announced(settings)
    text = f"unvoiced intake key v1\n2026-w50\n{base64.b64encode(mine.raw).decode()}\n"
    return {
        "garbage": b"\xff\x00 no note",
        "nothing": b"",
        "another signer": IntakeKey("2026-w50", mine).announce(stranger),
        "no signature": text.encode(),
        "another key under the old signature": genuine.replace(
            genuine.splitlines()[2], base64.b64encode(mine.raw)
        ),
        "another epoch under the old signature": genuine.replace(b"2026-w48", b"2026-w50"),
        "an older one": genuine,
        "a key that the log does not know": IntakeKey("2026-w50", mine).announce(signer(settings)),
        "a checkpoint": settings.store("log").get("checkpoint").data,
        "a pending head": settings.store("log").get("pending/head").data,
        "no key at all": signer(settings).sign("unvoiced intake key v1\n2026-w50\nAAAA\n"),
        "a megabyte": b"x" * 2**20,
    }


PLANTED = [
    "garbage",
    "nothing",
    "another signer",
    "no signature",
    "another key under the old signature",
    "another epoch under the old signature",
    "an older one",
    "a key that the log does not know",
    "a checkpoint",
    "a pending head",
    "no key at all",
    "a megabyte",
]


@pytest.mark.parametrize("name", ["2026-w50", "zzz", "zzz/2026-w50"])
@pytest.mark.parametrize("what", PLANTED)
def test_what_was_planted_is_passed_over(settings: Settings, what: str, name: str) -> None:
    """Under a newer epoch's name, or one that sorts behind all: the genuine one is handed out."""
    contents = planted(settings)
    assert list(contents) == PLANTED
    settings.store("log").put_if_absent(f"intake/{name}", contents[what])
    assert current_announcement(settings).encode() == announced(settings)


@pytest.mark.parametrize("foreign", ["zz z", "ä", "a\nb"])
def test_a_file_under_a_foreign_name_is_passed_over(settings: Settings, foreign: str) -> None:
    """On a local disk anybody can save anything under any name."""
    (settings.folder / "stores" / "log" / "intake" / foreign).write_bytes(b"x")
    assert current_announcement(settings).encode() == announced(settings)


def test_with_all_of_it_planted_the_genuine_one_is_handed_out(settings: Settings) -> None:
    """Everything at once, and one epoch more that is genuine."""
    create_intake_key(settings, settings.vault("worker"), NEXT_WEEK)
    for nth, data in enumerate(planted(settings).values()):
        settings.store("log").put_if_absent(f"intake/2026-w5{nth:02}", data)
    assert current_announcement(settings).encode() == announced(settings, "2026-w49")


@pytest.mark.parametrize("left", [[], PLANTED], ids=["empty", "planted"])
def test_where_none_is_left_it_is_an_input_error(settings: Settings, left: list[str]) -> None:
    """Rather than anything that nobody vouches for; an older epoch's is the next best."""
    contents = planted(settings)
    create_intake_key(settings, settings.vault("worker"), NEXT_WEEK)
    older = announced(settings)
    take_away(settings, "2026-w49")
    assert current_announcement(settings).encode() == older
    take_away(settings, "2026-w48")
    for nth, what in enumerate(left):
        settings.store("log").put_if_absent(f"intake/2026-w5{nth:02}", contents[what])
    with pytest.raises(InputError, match="no intake key of this log is announced"):
        current_announcement(settings)


def is_whole(folder: Path) -> bool:
    """Whether a deployment can be worked with: its settings, its vaults, its log, its key."""
    settings = load_settings(folder)
    bench = open_workbench(settings, "run")
    text = current_announcement(settings)
    intake = IntakeKey.from_announcement(text.encode(), Home(settings).verifier)
    return intake.public.key_id in bench.intake and settings.log_reader().checkpoint().size == 1


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "midway"])
def test_a_crash_while_a_deployment_is_made_leaves_no_settings_file(
    tmp_path: Path, when: When
) -> None:
    """Whichever change to the disk was the last: what has a settings file is whole."""
    nth, without = 0, 0
    while True:
        folder = tmp_path / f"home-{nth}"
        died = killed_at(nth, when, lambda folder=folder: create_deployment(folder, NOW))
        if (folder / FILE_NAME).exists():
            assert is_whole(folder)
        else:
            assert died
            without += 1
            with pytest.raises(InputError):
                load_settings(folder)
        if not died:
            break
        nth += 1
    assert without >= nth - 1 > 50


@pytest.mark.parametrize("step", ["create_intake_key", "_create_keys", "load_settings"])
def test_an_error_while_a_deployment_is_made_leaves_no_settings_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The disk is full, say: no deployment, and the folder is refused until it is emptied."""

    def fail(*_: object, **__: object) -> None:
        raise StoreError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(deployment, step, fail)
        with pytest.raises(StoreError):
            create_deployment(tmp_path / "home", NOW)
    assert not (tmp_path / "home" / FILE_NAME).exists()
    with pytest.raises(InputError, match="is not empty"):
        create_deployment(tmp_path / "home", NOW)
