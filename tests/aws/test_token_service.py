"""Asking for a grant: the answer is a secret, and is treated as one."""

import logging
from collections.abc import Iterator

import pytest
from moto import mock_aws

from unvoiced.access.policies import Estate
from unvoiced.access.roles import Place
from unvoiced.aws.sts import issue_grant, role_arn, sts_client
from unvoiced.errors import AccessError, InputError

ROLE = "arn:aws:iam::123456789012:role/uploader"
ESTATE = Estate(buckets={Place.RAW: "raw"})


@pytest.fixture
def token_service(signed_out: pytest.MonkeyPatch) -> Iterator[None]:
    """A token service in memory, which gives anybody anything: evidence for no permission."""
    signed_out.setenv("AWS_ACCESS_KEY_ID", "any")
    signed_out.setenv("AWS_SECRET_ACCESS_KEY", "any")
    with mock_aws():
        yield


def test_no_log_holds_a_grant(token_service: None, caplog: pytest.LogCaptureFixture) -> None:
    """Not even where everything is logged: botocore writes whole answers at DEBUG."""
    caplog.set_level(logging.DEBUG)
    given = issue_grant(sts_client("us-east-1"), ROLE, "a" * 26, ESTATE, 900)
    assert caplog.records
    assert given.secret_access_key not in caplog.text
    assert given.session_token not in caplog.text


@pytest.mark.parametrize("endpoint", ["http://s3.example.org:8333", "http://10.0.0.1"])
def test_no_grant_crosses_a_network_in_the_clear(endpoint: str) -> None:
    """The endpoint of a raw store may be http on this machine only."""
    with pytest.raises(InputError, match="https"):
        sts_client("us-east-1", endpoint)
    sts_client("us-east-1", "http://127.0.0.1:8333")


def test_no_answer_is_said_as_one(signed_out: pytest.MonkeyPatch) -> None:
    """Without credentials nobody is asked."""
    with pytest.raises(AccessError, match="no grant: NoCredentialsError"):
        issue_grant(sts_client("us-east-1"), ROLE, "a" * 26, ESTATE, 900)


@pytest.mark.parametrize("wrong", ["", "*", "role/x", "arn:aws:iam::1:role/x", f"{ROLE}\n"])
def test_only_a_roles_arn_is_assumed(wrong: str) -> None:
    """Refused before it is asked for."""
    with pytest.raises(InputError):
        role_arn(wrong)
