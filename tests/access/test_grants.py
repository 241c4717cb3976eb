"""Grants as objects: their forms, what is refused before any server is asked, what they hide."""

import json
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from botocore.session import Session

from unvoiced.access.grant import Grant, UploadRequest, grant_seconds
from unvoiced.errors import InputError

GRANT = Grant("ASIAEXAMPLE", "secret/key+=", "token//==", datetime(2026, 11, 23, 9, 30, tzinfo=UTC))
PSEUDONYM = "a" * 26
DIGEST = "0" * 64


def test_credential_process_json_is_what_aws_sdks_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """botocore takes it from a profile whose process prints it, and knows when it ends."""
    grant = replace(GRANT, expires=datetime(2999, 1, 1, tzinfo=UTC))
    (tmp_path / "grant").write_text(grant.as_credential_process())
    config = tmp_path / "config"
    config.write_text(f"[profile me]\ncredential_process = cat {tmp_path / 'grant'}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    found = Session(profile="me").get_credentials()
    assert found is not None
    assert found.method == "custom-process"
    assert (found.access_key, found.secret_key, found.token) == (
        GRANT.access_key_id,
        GRANT.secret_access_key,
        GRANT.session_token,
    )


def test_a_grant_is_read_back(tmp_path: Path) -> None:
    """From the file that `unvoiced upload --grant` is given."""
    path = tmp_path / "grant.json"
    path.write_text(GRANT.as_credential_process())
    assert Grant.read(path) == GRANT


def test_environment_lines_set_what_they_say() -> None:
    """A shell that reads them has the three values, to the character."""
    script = GRANT.as_environment() + '\nprintf "%s|" "$AWS_ACCESS_KEY_ID"'
    script += ' "$AWS_SECRET_ACCESS_KEY" "$AWS_SESSION_TOKEN"'
    printed = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert printed.stdout == "ASIAEXAMPLE|secret/key+=|token//==|"


@pytest.mark.parametrize("evil", ["$(id)", "a b", "a;b", "a\nb", "'", "`id`", ""])
def test_environment_lines_run_nothing(evil: str) -> None:
    """A server whose token is shell code gets nobody to run it."""
    with pytest.raises(InputError):
        Grant("ASIA", "secret", evil, GRANT.expires).as_environment()


def test_printing_a_grant_shows_no_secret() -> None:
    """Not in a traceback, not in a log line."""
    shown = f"{GRANT!r} {GRANT}"
    assert GRANT.secret_access_key not in shown
    assert GRANT.session_token not in shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "null",
        "[" * 100_000,
        json.dumps({**json.loads(GRANT.as_credential_process()), "Version": 2}),
        json.dumps({**json.loads(GRANT.as_credential_process()), "SessionToken": ""}),
        json.dumps({**json.loads(GRANT.as_credential_process()), "SecretAccessKey": 7}),
        json.dumps({**json.loads(GRANT.as_credential_process()), "Expiration": "soon"}),
        json.dumps({**json.loads(GRANT.as_credential_process()), "Expiration": "2026-11-23"}),
    ],
    ids=lambda text: text[:40],
)
def test_what_is_no_grant_is_refused_without_showing_it(tmp_path: Path, text: str) -> None:
    """Half a grant is a secret too."""
    path = tmp_path / "grant.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"^grant\.json is not a grant$"):
        Grant.read(path)


@pytest.mark.parametrize("minutes", [-1, 0, 14, 61, 720])
def test_a_grant_lasts_an_hour_at_most(minutes: int) -> None:
    """And at least as long as the token service makes them."""
    with pytest.raises(InputError, match="15 to 60"):
        grant_seconds(minutes)
    assert (grant_seconds(15), grant_seconds(60)) == (900, 3600)


@pytest.mark.parametrize(
    ("pseudonym", "sample", "size", "sha256"),
    [
        ("../other", "sample", 1, DIGEST),
        (PSEUDONYM, "../sample", 1, DIGEST),
        (PSEUDONYM, "a/b", 1, DIGEST),
        (PSEUDONYM, "*", 1, DIGEST),
        (PSEUDONYM, "sample", 0, DIGEST),
        (PSEUDONYM, "sample", -1, DIGEST),
        (PSEUDONYM, "sample", 5 * 2**30 + 1, DIGEST),
        (PSEUDONYM, "sample", 1, "0" * 63),
        (PSEUDONYM, "sample", 1, "G" * 64),
        (PSEUDONYM, "sample", 1, ""),
    ],
)
def test_what_is_no_upload_is_not_presigned(
    pseudonym: str, sample: str, size: int, sha256: str
) -> None:
    """Every part of what is signed is checked before."""
    with pytest.raises(InputError):
        UploadRequest(pseudonym, sample, size, sha256)
