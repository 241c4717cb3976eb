"""Reading policies, and whether one pattern takes in another: never said where it does not."""

import pytest

from unvoiced.posture.statements import NotAPolicy, Policy, beyond, covers


@pytest.mark.parametrize(
    ("pattern", "text", "whether"),
    [
        ("*", "*", True),
        ("a/*", "a/b/*", True),
        ("a/*", "a/", True),
        ("a/*", "*", False),
        ("a/*", "a*", False),
        ("a?c", "abc", True),
        ("a?c", "a*c", False),
        ("a*c", "a?c", True),
        ("a.c", "abc", False),
        ("tile/*.p/*", "tile/0/x1.p/3", True),
        ("tile/*.p/*", "tile/*", False),
        ("", "", True),
    ],
)
def test_a_pattern_covers_only_what_is_wholly_in_it(pattern: str, text: str, whether: bool) -> None:
    """Wildcards of the inner one count as reaching as far as they can."""
    assert covers(pattern, text) is whether


@pytest.mark.parametrize(
    "text",
    ["", "[]", "7", '{"Statement": [7]}', '{"Statement": [{"Effect": "Maybe"}]}', '"x"',
     '{"Statement": [{"Effect": "Allow", "Principal": 7}]}',
     '{"Statement": [{"Effect": "Allow", "Condition": []}]}'],
)  # fmt: skip
def test_what_is_no_policy_is_refused(text: str) -> None:
    """Not taken for one without statements."""
    with pytest.raises(NotAPolicy):
        Policy.read(text)


def test_one_statement_and_one_value_need_no_list() -> None:
    """IAM takes either; so do checks."""
    single = Policy.read(
        {"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Principal": "*"}}
    )
    listed = Policy.read(
        {"Statement": [{"Effect": "Allow", "Action": ["s3:*"], "Resource": ["*"],
                        "Principal": {"AWS": ["*"]}}]}
    )  # fmt: skip
    assert single.statements == listed.statements


def test_what_goes_beyond_is_named_action_by_action() -> None:
    """Each action with each resource that no statement gives, conditions counted."""
    table = Policy.read(
        {"Statement": [
            {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::a/*"]},
            {"Effect": "Allow", "Action": ["s3:PutObject"], "Resource": ["arn:aws:s3:::a/*"],
             "Condition": {"Null": {"s3:if-none-match": "false"}}},
        ]}
    )  # fmt: skip
    given = Policy.read(
        {"Statement": {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"],
                       "Resource": ["arn:aws:s3:::a/x", "arn:aws:s3:::b/*"]}}
    )  # fmt: skip
    assert beyond(given.statements[0], table.statements) == [
        ("s3:GetObject", "arn:aws:s3:::b/*"),
        ("s3:PutObject", "arn:aws:s3:::a/x"),
        ("s3:PutObject", "arn:aws:s3:::b/*"),
    ]


@pytest.mark.parametrize(
    ("operator", "values", "whether"),
    [
        ("StringLike", ["intake/*"], True),
        ("StringLike", ["intake/2026-w47"], True),
        ("StringEquals", ["intake/2026-w47"], True),
        ("StringEquals", ["intake/2026-w47", "content/tag"], False),
        ("StringLike", ["*"], False),
        ("StringNotLike", ["intake/*"], False),
        ("StringLikeIfExists", ["intake/*"], False),
    ],
)
def test_what_equals_is_as_strict_as_what_is_like(
    operator: str, values: list[str], whether: bool
) -> None:
    """A policy that names one secret gives no more than one that names all of its kind."""
    key = "kms:EncryptionContext:name"
    use = {"Effect": "Allow", "Action": "kms:Encrypt", "Resource": "k"}
    table = Policy.read({"Statement": {**use, "Condition": {"StringLike": {key: "intake/*"}}}})
    given = Policy.read({"Statement": {**use, "Condition": {operator: {key: values}}}})
    assert (beyond(given.statements[0], table.statements) == []) is whether
