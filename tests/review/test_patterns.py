"""Patterns of IAM: what two have in common, against every short text there is."""

import fnmatch
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unvoiced.posture.statements import Policy
from unvoiced.review.patterns import denies_all, names_action, names_resource, overlap

TEXTS = ["".join(t) for n in range(6) for t in itertools.product("ab", repeat=n)]
PATTERNS = st.text("ab*?", max_size=4)


@given(PATTERNS, PATTERNS)
def test_two_patterns_overlap_when_some_text_matches_both(one: str, other: str) -> None:
    """Never a miss: a text of up to five letters that matches both is enough to say so."""
    common = any(fnmatch.fnmatchcase(t, one) and fnmatch.fnmatchcase(t, other) for t in TEXTS)
    if common:
        assert overlap(one, other)
    elif len(one.replace("*", "")) + len(other.replace("*", "")) <= 5:
        assert not overlap(one, other)


def test_a_policy_variable_may_be_anything() -> None:
    """Whose folder it is comes with the request."""
    assert overlap("arn:aws:s3:::raw/${aws:username}/*", "arn:aws:s3:::raw/*")
    assert not overlap("arn:aws:s3:::other/${aws:username}/*", "arn:aws:s3:::raw/*")


@pytest.mark.parametrize(
    ("statement", "reached"),
    [
        ({"Action": "s3:Get*", "Resource": "*"}, True),
        ({"Action": "S3:GETOBJECT", "Resource": "arn:aws:s3:::raw/x/*"}, True),
        ({"Action": "s3:PutObject", "Resource": "*"}, False),
        ({"NotAction": "s3:GetObject", "Resource": "*"}, False),
        ({"NotAction": "iam:*", "Resource": "*"}, True),
        ({"Action": "*", "NotResource": "arn:aws:s3:::raw/*"}, False),
        ({"Action": "*", "NotResource": "arn:aws:s3:::raw/a/*"}, True),
        ({"Action": "*", "Resource": "arn:aws:s3:::raw"}, False),
    ],
)
def test_what_a_statement_is_about(statement: dict[str, str], reached: bool) -> None:
    """Turned-round ones too: all but some is as much as it says."""
    (one,) = Policy.read({"Statement": [{"Effect": "Allow", **statement}]}).statements
    found = names_action(one, "s3:GetObject") and names_resource(one, "arn:aws:s3:::raw/*")
    assert found == reached


@pytest.mark.parametrize(
    ("more", "refuses"),
    [
        ({}, True),
        ({"Condition": {"Bool": {"aws:SecureTransport": "false"}}}, False),
        ({"Resource": "arn:aws:s3:::raw/a/*"}, False),
        ({"Effect": "Allow"}, False),
    ],
)
def test_only_a_plain_deny_of_all_takes_reach_away(more: dict[str, object], refuses: bool) -> None:
    """What might not be met, or leaves a part, is as if it were not there."""
    statement = {"Effect": "Deny", "Action": "s3:*", "Resource": "*", **more}
    (one,) = Policy.read({"Statement": [statement]}).statements
    assert denies_all(one, "s3:GetObject", "arn:aws:s3:::raw/*") == refuses
