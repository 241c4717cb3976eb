"""The invitation: one file, read strictly, whose intake key is only as good as its signature."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from unvoiced.errors import InputError, UnvoicedError, VerificationError
from unvoiced.keys.intake import IntakeKey
from unvoiced.keys.invitation import Invitation
from unvoiced.log.note import Signer
from unvoiced.sealing import PrivateKey


@pytest.fixture
def invitation(signer: Signer, intake: PrivateKey) -> Invitation:
    """A good one."""
    return Invitation(
        pseudonym="n422m5cafop35rvzkx6okffcpq",
        sample_key="24" * 32,
        upload_url="s3://uploads/raw?region=eu-central-1",
        intake=IntakeKey("2026-w47", intake.public).announce(signer).decode(),
        log_vkey=signer.vkey,
        log_url="file:///log",
    )


def written(path: Path, **fields: object) -> Path:
    """A file of these fields, whatever they are."""
    path.write_text(json.dumps(fields), encoding="utf-8")
    return path


def as_fields(invitation: Invitation) -> dict[str, object]:
    """What a good file holds."""
    return {"format": "unvoiced-invitation/1", **asdict(invitation)}


def test_an_invitation_reads_back(
    tmp_path: Path, invitation: Invitation, intake: PrivateKey, signer: Signer
) -> None:
    """Every field, and out of them the intake key; the log's key may be had another way too."""
    invitation.write(tmp_path / "invitation.json")
    read = Invitation.read(tmp_path / "invitation.json")
    assert read == invitation
    for trusted in (None, signer.vkey):
        assert read.intake_key(trusted) == IntakeKey("2026-w47", intake.public)


def test_an_invitation_is_never_written_over_another(
    tmp_path: Path, invitation: Invitation
) -> None:
    """Who loses an invitation's sample key can name no sample again; symlinks are not followed."""
    path = tmp_path / "invitation.json"
    invitation.write(path)
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for taken in (path, tmp_path / "link"):
        with pytest.raises(InputError, match="is there already and is not overwritten"):
            replace(invitation, sample_key="25" * 32).write(taken)
    assert Invitation.read(path) == invitation
    assert not (tmp_path / "nowhere").exists()


def test_writing_into_no_folder_is_an_input_error(tmp_path: Path, invitation: Invitation) -> None:
    """A path that cannot be written is what was asked for wrongly, not a crash."""
    with pytest.raises(InputError):
        invitation.write(tmp_path / "missing" / "invitation.json")


def test_a_log_key_had_another_way_catches_a_forged_invitation(
    invitation: Invitation, stranger: Signer
) -> None:
    """Who forges the file signs with a key of theirs: only the trusted key tells."""
    mine = PrivateKey(bytes(96))
    forged = replace(
        invitation,
        intake=IntakeKey("2026-w47", mine.public).announce(stranger).decode(),
        log_vkey=stranger.vkey,
    )
    assert forged.intake_key() == IntakeKey("2026-w47", mine.public)
    with pytest.raises(InputError, match="another log key than the one you trust"):
        forged.intake_key(invitation.log_vkey)
    with pytest.raises(VerificationError):
        replace(forged, log_vkey=invitation.log_vkey).intake_key(invitation.log_vkey)


def test_a_swapped_intake_key_is_refused_without_a_trusted_key_too(
    invitation: Invitation, stranger: Signer
) -> None:
    """Damage to one field does not fit the others."""
    other = IntakeKey("2026-w47", PrivateKey(bytes(96)).public).announce(stranger).decode()
    for damaged in (
        replace(invitation, intake=other),
        replace(invitation, log_vkey=stranger.vkey),
        replace(invitation, intake=invitation.intake.replace("w47", "w48")),
        replace(invitation, intake=""),
        replace(invitation, log_vkey=""),
    ):
        with pytest.raises(VerificationError):
            damaged.intake_key()


@pytest.mark.parametrize(
    "content",
    [b"", b"not json", b"\xff\xfe\x00", b"[]", b"null", b"7", b'"text"', b"{}", b'{"format":7}'],
    ids=repr,
)
def test_what_is_no_invitation_is_an_input_error(tmp_path: Path, content: bytes) -> None:
    """By the file's name, without its content."""
    path = tmp_path / "invitation.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"^invitation\.json is not an invitation"):
        Invitation.read(path)


def test_another_format_is_refused_by_name(tmp_path: Path, invitation: Invitation) -> None:
    """An upload receipt, say, or an invitation of a later version."""
    for other in ("unvoiced-invitation/2", "unvoiced-upload-receipt/1"):
        path = written(tmp_path / "file.json", **{**as_fields(invitation), "format": other})
        with pytest.raises(InputError, match="not an invitation of a format known here"):
            Invitation.read(path)


def test_a_missing_or_unknown_field_is_refused(tmp_path: Path, invitation: Invitation) -> None:
    """What is not understood is not ignored."""
    fields = as_fields(invitation)
    for name in fields:
        rest = {key: value for key, value in fields.items() if key != name}
        with pytest.raises(InputError, match="is not an invitation"):
            Invitation.read(written(tmp_path / "file.json", **rest))
    with pytest.raises(InputError, match="is not an invitation"):
        Invitation.read(written(tmp_path / "file.json", **fields, more="1"))


@pytest.mark.parametrize(
    "name", ["pseudonym", "sample_key", "upload_url", "intake", "log_vkey", "log_url"]
)
@pytest.mark.parametrize("value", [None, 7, ["x"]], ids=str)
def test_a_field_of_another_type_is_refused(
    tmp_path: Path, invitation: Invitation, name: str, value: object
) -> None:
    """On reading, not by some other exception when the field is first used."""
    path = written(tmp_path / "file.json", **{**as_fields(invitation), name: value})
    with pytest.raises(InputError):
        Invitation.read(path)


@pytest.mark.parametrize("value", ["../../etc", "N422M5CAFOP35RVZKX6OKFFCPQ", "", "a" * 27])
def test_a_pseudonym_that_is_none_is_refused(
    tmp_path: Path, invitation: Invitation, value: str
) -> None:
    """It becomes part of object names on the contributor's machine."""
    path = written(tmp_path / "file.json", **{**as_fields(invitation), "pseudonym": value})
    with pytest.raises(InputError, match="is not a pseudonym"):
        Invitation.read(path)


@pytest.mark.parametrize("value", ["", "00", "24" * 31, "24" * 33, "zz" * 32])
def test_a_sample_key_is_32_bytes(tmp_path: Path, invitation: Invitation, value: str) -> None:
    """With a shorter one, sample ids could be guessed from recordings."""
    path = written(tmp_path / "file.json", **{**as_fields(invitation), "sample_key": value})
    with pytest.raises(InputError, match="is not an invitation"):
        Invitation.read(path)


def test_a_missing_file_is_an_input_error(tmp_path: Path) -> None:
    """So is a folder."""
    for path in (tmp_path / "missing.json", tmp_path):
        with pytest.raises(InputError) as caught:
            Invitation.read(path)
        assert isinstance(caught.value, UnvoicedError)
