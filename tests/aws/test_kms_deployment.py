"""A deployment whose vaults and log are under keys of a key service: made, used, and shut.

On a real ministack, which keeps key states and permissions. Stores are folders here: what this is
about is which process asks which key for what.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
from botocore.client import BaseClient

from tests.features.recordings import encoded, tone
from tests.ingest.home import Home
from tests.servers import ministack
from tests.servers.ministack import Ministack
from unvoiced.announcements import create_intake_key
from unvoiced.config import Role as VaultName
from unvoiced.config import load_settings
from unvoiced.deployment import Plan, create_deployment
from unvoiced.errors import AccessError, InputError, VerificationError
from unvoiced.keys.intake import Epoch
from unvoiced.log.verify import verify_log
from unvoiced.sealing import PrivateKey

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
ROLES = get_args(VaultName)
SECRETS_OF_A_WORKER = Counter(
    {"content/tag": 1, "intake/2026-w48": 1, "recipient/dataset": 1, "log/signing": 1}
)

pytestmark = pytest.mark.server


@pytest.fixture(autouse=True)
def signed_in(aws: Ministack, monkeypatch: pytest.MonkeyPatch) -> None:
    """As root, unless a test signs in as somebody else."""
    aws.sign_in(monkeypatch)


@pytest.fixture(scope="module")
def voices() -> list[bytes]:
    """Three recordings."""
    return [encoded(tone(0.5, 16_000, 200 + 50 * n)) for n in range(3)]


@pytest.fixture(scope="module")
def keys(aws: Ministack) -> dict[str, str]:
    """A customer-managed key for each vault, and one that signs."""
    client = aws.client("kms")
    arns = {role: client.create_key()["KeyMetadata"]["Arn"] for role in ROLES}
    signing = client.create_key(KeySpec="ECC_NIST_EDWARDS25519", KeyUsage="SIGN_VERIFY")
    return {**arns, "log": signing["KeyMetadata"]["Arn"]}


@pytest.fixture(params=["signing key in the vault", "signing key at the service"])
def plan(request: pytest.FixtureRequest, keys: dict[str, str]) -> Plan:
    """Both ways to sign checkpoints."""
    named = dict(keys)
    if "vault" in request.param:
        del named["log"]
    return Plan(kms=named)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[tuple[str, str]]]:
    """How often the key service was asked for what: (operation, name in the context)."""
    calls: Counter[tuple[str, str]] = Counter()
    original: Any = BaseClient._make_api_call  # type: ignore[attr-defined]

    def counted(client: BaseClient, operation: str, arguments: dict[str, Any]) -> Any:
        if client.meta.service_model.service_name == "kms":
            calls[operation, arguments.get("EncryptionContext", {}).get("name", "")] += 1
        return original(client, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", counted)
    return calls


def test_a_recording_becomes_features_and_the_log_verifies(
    aws: Ministack, plan: Plan, tmp_path: Path, voices: list[bytes]
) -> None:
    """The whole life, every private key under a key of the service and none in a file."""
    home = Home(create_deployment(tmp_path / "home", NOW, plan))
    assert not list(home.settings.folder.rglob("*.kek"))
    sent = home.send("anna", voices[0])
    report = home.run()
    assert report.disposed == 1
    assert home.features().keys() == {sent.feature_name}
    assert verify_log(home.store("log"), home.verifier).ledger.disposed == 1


def test_a_worker_asks_for_each_secret_once(
    aws: Ministack,
    plan: Plan,
    tmp_path: Path,
    voices: list[bytes],
    asked: Counter[tuple[str, str]],
) -> None:
    """However many recordings it opens: unwrapping is at its start, and by name."""
    home = Home(create_deployment(tmp_path / "home", NOW, plan))
    for voice in voices[:3]:
        home.send("anna", voice)
    asked.clear()
    bench = home.bench()
    wanted = SECRETS_OF_A_WORKER.copy()
    if "log" in plan.kms:
        del wanted["log/signing"]
    opened = Counter({name: n for (call, name), n in asked.items() if call == "Decrypt"})
    assert opened == wanted
    home.run(bench)
    assert Counter({n: c for (call, n), c in asked.items() if call == "Decrypt"}) == wanted


def test_the_ceremony_needs_no_right_to_unwrap(
    aws: Ministack,
    plan: Plan,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who makes a deployment wraps its secrets and can open none of them afterwards."""
    rights = ministack.allow("kms:Encrypt", "kms:Sign", "kms:GetPublicKey")
    credentials = aws.role(ministack.new_name("ceremony"), rights)
    aws.sign_in(monkeypatch, credentials)
    settings = create_deployment(tmp_path / "home", NOW, plan)
    for role, secret in (
        ("worker", "intake/2026-w48"),
        ("dataset", "dataset/dataset"),
        ("inviter", "pseudonym/key"),
    ):
        with pytest.raises(AccessError, match="may not"):
            settings.vault(role).get(secret)  # type: ignore[arg-type]


def test_the_next_intake_key_needs_no_right_to_unwrap(
    aws: Ministack, keys: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who may wrap under the worker's key and sign makes it; the worker alone gets at it.

    The narrowing to secrets of some names is not decided by this server: see test_aws_keys.
    """
    settings = create_deployment(tmp_path / "home", NOW, Plan(kms=keys))
    with monkeypatch.context() as patch:
        rights = {
            "Version": "2012-10-17",
            "Statement": [
                *ministack.allow("kms:Encrypt", resource=keys["worker"])["Statement"],
                *ministack.allow("kms:Sign", "kms:GetPublicKey", resource=keys["log"])["Statement"],
            ],
        }
        aws.sign_in(patch, aws.role(ministack.new_name("keeper"), rights))
        vault = settings.vault("worker")
        week = Epoch.of(NOW).first_of_next_week
        made = create_intake_key(settings, vault, NOW, settings.signer(vault), epoch=week)
        for secret in (f"intake/{made.epoch}", "intake/2026-w48", "content/tag"):
            with pytest.raises(AccessError, match="may not"):
                vault.get(secret)
    opened = PrivateKey(settings.vault("worker").get(f"intake/{made.epoch}"))
    assert opened.public == made.public
    assert (
        made.epoch
        in verify_log(settings.store("log"), Home(settings).verifier).ledger.intake_keys.values()
    )


@pytest.mark.parametrize("state", ["disabled", "pending deletion", "denied"])
def test_without_its_key_no_recording_is_touched(
    aws: Ministack,
    tmp_path: Path,
    voices: list[bytes],
    monkeypatch: pytest.MonkeyPatch,
    state: str,
) -> None:
    """The worker says which key and why before it reads a recording; with the key, it goes on."""
    client = aws.client("kms")
    arns = {role: client.create_key()["KeyMetadata"]["Arn"] for role in ROLES}
    home = Home(create_deployment(tmp_path / "home", NOW, Plan(kms=arns)))
    sent = home.send("anna", voices[0])
    before = home.leaves("accepted"), list(home.store("raw").versions())
    with monkeypatch.context() as patch:
        if state == "disabled":
            client.disable_key(KeyId=arns["worker"])
        elif state == "pending deletion":
            client.schedule_key_deletion(KeyId=arns["worker"], PendingWindowInDays=7)
        else:
            only_data = ministack.allow("kms:Decrypt", resource=arns["dataset"])
            aws.sign_in(patch, aws.role(ministack.new_name("other"), only_data))
        with pytest.raises(AccessError, match=arns["worker"]) as refused:
            home.run()
    assert sent.pseudonym not in str(refused.value)
    assert (home.leaves("accepted"), list(home.store("raw").versions())) == before
    assert home.status().adds_up

    if state == "pending deletion":
        client.cancel_key_deletion(KeyId=arns["worker"])
    if state != "denied":
        client.enable_key(KeyId=arns["worker"])
    assert home.run().disposed == 1


def test_settings_and_vault_have_to_agree_on_the_key_service(
    aws: Ministack, keys: dict[str, str], tmp_path: Path
) -> None:
    """A vault cannot be turned into one with a key file, nor the reverse, by editing one of them.

    Which key it is stands in the settings alone: who can write to the vault's store cannot have
    new secrets wrapped for themselves.
    """
    wrapped = create_deployment(tmp_path / "wrapped", NOW, Plan(kms={"worker": keys["worker"]}))
    described = wrapped.vault("worker").store.get("vault.json").data
    assert keys["worker"].encode() not in described
    text = wrapped.path.read_text(encoding="utf-8")
    wrapped.path.write_text(text.replace("[kms]\nworker", "[kms]\ndataset"), encoding="utf-8")
    with pytest.raises(AccessError, match=r"\[kms\] worker"):
        load_settings(wrapped.path).vault("worker")
    with pytest.raises(AccessError, match=r"\[kms\] dataset"):
        load_settings(wrapped.path).vault("dataset")


def test_another_signing_key_is_refused_before_it_signs(
    aws: Ministack, keys: dict[str, str], tmp_path: Path
) -> None:
    """[kms] log and [log] vkey are one key, or nothing is appended."""
    settings = create_deployment(tmp_path / "home", NOW, Plan(kms=keys))
    other = aws.client("kms").create_key(KeySpec="ECC_NIST_EDWARDS25519", KeyUsage="SIGN_VERIFY")[
        "KeyMetadata"
    ]["Arn"]
    text = settings.path.read_text(encoding="utf-8")
    settings.path.write_text(text.replace(keys["log"], other), encoding="utf-8")
    changed = load_settings(settings.path)
    with pytest.raises(VerificationError, match="not the one"):
        changed.accounts(changed.vault("worker"))


@pytest.mark.parametrize(
    "wrong",
    [
        "alias/worker",
        "arn:aws:kms:us-east-1:000000000000:alias/worker",
        "1234",
        "",
        "arn:aws:s3:::b",
    ],
)
def test_a_wrong_key_is_refused_before_anything_is_made(tmp_path: Path, wrong: str) -> None:
    """No half-made deployment for a mistyped ARN."""
    with pytest.raises(InputError):
        create_deployment(tmp_path / "home", NOW, Plan(kms={"dataset": wrong}))
    assert not (tmp_path / "home").exists()
