"""Lifecycle rules on a server: what is there, what should be, and putting it right."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.posture import tls_ministack
from tests.posture.environment import Environment
from tests.posture.tls_ministack import TlsMinistack
from tests.retention.calendar_home import create
from unvoiced.access.roles import Place
from unvoiced.aws.account import Account
from unvoiced.clock import utc_now
from unvoiced.config import Settings
from unvoiced.errors import StoreError
from unvoiced.retention.lifecycle import BucketRules, apply_rules, look_at_rules

pytestmark = pytest.mark.server
FOREIGN = {
    "ID": "somebody-else's",
    "Status": "Enabled",
    "Filter": {"Prefix": ""},
    "Transitions": [{"Days": 30, "StorageClass": "STANDARD_IA"}],
}


@pytest.fixture(scope="module")
def server() -> Iterator[TlsMinistack]:
    """A running ministack."""
    with tls_ministack.running() as running:
        yield running


@pytest.fixture
def account(server: TlsMinistack, monkeypatch: pytest.MonkeyPatch) -> Environment:
    """An account as the template has it, signed in to as its owner."""
    server.forget()
    made = Environment(server)
    server.sign_in(monkeypatch)
    return made


@pytest.fixture
def settings(account: Environment, tmp_path: Path) -> Settings:
    """The settings that name its buckets."""
    return account.settings(tmp_path)


def rules_of(account: Environment, place: Place) -> list[dict[str, Any]]:
    """What the server has."""
    answer = account.client("s3").get_bucket_lifecycle_configuration(Bucket=account.bucket(place))
    return list(answer["Rules"])


def put(account: Environment, place: Place, rules: list[dict[str, Any]]) -> None:
    """Set a bucket's rules, as somebody else would."""
    account.client("s3").put_bucket_lifecycle_configuration(
        Bucket=account.bucket(place), LifecycleConfiguration={"Rules": rules}
    )


def of(found: list[BucketRules], account: Environment, place: Place) -> BucketRules:
    """What was found of a bucket."""
    (one,) = [each for each in found if each.bucket == account.bucket(place)]
    return one


def test_the_template_does_not_drift(settings: Settings) -> None:
    """What this library makes is as it says it should be; nothing is put."""
    found = look_at_rules(settings, utc_now())
    assert len(found) == len(settings.places())
    assert [one.drift for one in found if one.drift] == []
    assert [one.unknown for one in found if one.unknown] == []
    assert apply_rules(settings, utc_now()) == []


def test_drift_is_shown_and_put_right_and_others_rules_stay(
    account: Environment, settings: Settings
) -> None:
    """A backstop that comes too soon, none at all, features that expire; a rule not of ours."""
    soon = {"ID": "soon", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
    put(account, Place.RAW, [FOREIGN, soon])
    put(account, Place.TRAINING, [FOREIGN, soon])
    before = look_at_rules(settings, utc_now())
    assert {one.bucket for one in before if one.drift} == {
        account.bucket(Place.RAW), account.bucket(Place.TRAINING)
    }  # fmt: skip
    assert any("expires recordings after 1 day" in one for one in of(
        before, account, Place.RAW).drift)  # fmt: skip

    changed = apply_rules(settings, utc_now())

    assert {was.bucket for was, _ in changed} == {one.bucket for one in before if one.drift}
    assert [one.drift for one in look_at_rules(settings, utc_now()) if one.drift] == []
    for place in (Place.RAW, Place.TRAINING):
        kept = [rule for rule in rules_of(account, place) if rule["ID"] == FOREIGN["ID"]]
        assert [rule["Transitions"] for rule in kept] == [FOREIGN["Transitions"]]
    backstop = [rule["Expiration"] for rule in rules_of(account, Place.RAW)
                if "Days" in rule.get("Expiration", {})]  # fmt: skip
    days = [one["Days"] for one in backstop]
    assert days == [settings.retention.raw_backstop_days]
    assert not any("Expiration" in rule for rule in rules_of(account, Place.TRAINING))
    assert apply_rules(settings, utc_now()) == []


def test_a_server_that_keeps_nothing_is_not_believed(
    account: Environment, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was put is read again."""
    put(account, Place.RAW, [FOREIGN])
    monkeypatch.setattr("unvoiced.retention.lifecycle.put_rules", lambda *_: None)
    with pytest.raises(StoreError, match="does not keep the rules"):
        apply_rules(settings, utc_now())


def test_who_may_not_look_is_told_what_it_takes(
    account: Environment, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not read is not right; and nothing is put by who cannot read."""
    nobody = account.server.role("nobody", {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}]})  # fmt: skip
    account.server.sign_in(monkeypatch, nobody)
    found = look_at_rules(settings, utc_now(), Account())
    assert {one.unknown for one in found} == {"refused: it needs s3:GetLifecycleConfiguration"}
    with pytest.raises(StoreError, match="GetLifecycleConfiguration"):
        apply_rules(settings, utc_now())


def test_folders_have_no_rules_and_need_no_account(tmp_path: Path) -> None:
    """Nothing is asked of anybody."""
    home = create(tmp_path / "home")
    assert look_at_rules(home.settings, utc_now()) == []
    assert apply_rules(home.settings, utc_now()) == []
