"""Reading the facts: which buckets, keys and roles `unvoiced.toml` names, and what each is like."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from unvoiced.access.roles import Place, Role
from unvoiced.audit.reviews import last_review
from unvoiced.aws.account import Account, Answer
from unvoiced.config import Settings
from unvoiced.errors import StoreError, UnvoicedError
from unvoiced.log.note import Verifier
from unvoiced.posture import reading
from unvoiced.posture.checks import CHECKS
from unvoiced.posture.disk import on_this_machine, operator
from unvoiced.posture.facts import (
    Bucket,
    Encryption,
    Facts,
    Held,
    Key,
    LastReview,
    Unknown,
    Vault,
)
from unvoiced.posture.finding import Report, Seen, run_checks
from unvoiced.posture.reading import read
from unvoiced.posture.surroundings import region_of, role_facts, with_surroundings
from unvoiced.stores import open_store
from unvoiced.stores.s3_place import S3Place, is_amazon

T = TypeVar("T")
_FERNET = "fernet/"


def take_posture(settings: Settings, now: datetime) -> Report:
    """Look at everything and run all checks. Raises `AccessError` without credentials it needs."""
    facts = take_facts(settings, now)
    report = run_checks(Seen(facts, settings), CHECKS.values())
    return replace(report, notes=_review_note(facts.last_review, settings))


def take_facts(settings: Settings, now: datetime) -> Facts:
    """Read all there is to be read of what the settings name; nothing is changed."""
    places = settings.places()
    here = on_this_machine(settings)
    whose = operator(settings) if here else ""
    last = _last_review(settings, now)
    in_buckets = {place: url for place, url in places.items() if url.startswith("s3://")}
    if not in_buckets and not settings.kms and not settings.roles:
        vaults = tuple(_vault(role, settings, None) for role in settings.vaults)
        return Facts(now, vaults=vaults, on_disk=here, operator=whose, last_review=last)
    account = Account()
    buckets = _buckets(in_buckets, account)
    keys = _keys(settings, buckets, account)
    vaults = tuple(_vault(role, settings, account) for role in settings.vaults)
    roles = tuple(
        role_facts(role, settings.roles[role.setting], account)
        for role in Role
        if role.setting in settings.roles
    )
    facts = Facts(
        now, buckets=buckets, keys=keys, roles=roles,
        vaults=vaults, on_disk=here, operator=whose, last_review=last,
    )  # fmt: skip
    return with_surroundings(facts, settings, account)


def _last_review(settings: Settings, now: datetime) -> LastReview | Unknown | None:
    """The newest review that counts, by the audit store and the log."""
    try:
        reader, verifier = settings.log_reader(), Verifier.parse(settings.log_vkey)
        signed = last_review(settings.store("audit"), reader, verifier, now)
    except UnvoicedError as error:
        return Unknown(str(error), f"unvoiced review ls --config {settings.path}")
    return LastReview(signed.review.moment, signed.review.reviewer) if signed else None


def _review_note(last: LastReview | Unknown | None, settings: Settings) -> tuple[str, ...]:
    if last is None or isinstance(last, Unknown):
        return ()
    due = last.moment + timedelta(days=settings.review.every_days)
    return (
        f"access was last reviewed on {last.moment:%Y-%m-%d} by {last.reviewer}; next due on "
        f"{due:%Y-%m-%d}",
    )


def _vault(role: str, settings: Settings, account: Account | None) -> Vault:
    url, key = settings.vault_url(role), settings.kms.get(role, "")
    if role != "worker":
        return Vault(role, url, key)
    if url.startswith("s3://") and account is not None:
        bucket, prefix, endpoint, region = _bucket_of(url, account)
        answer = account.ask(
            "s3", "list_objects_v2", region, endpoint, Bucket=bucket, Prefix=f"{prefix}{_FERNET}"
        )
        return Vault(role, url, key, read(answer, lambda a: _names(a, prefix)))
    try:
        names = tuple(entry.name for entry in open_store(url).list(_FERNET))
    except StoreError as error:
        return Vault(role, url, key, Unknown(str(error)))
    return Vault(role, url, key, names)


def _names(answer: Answer, prefix: str) -> tuple[str, ...]:
    return tuple(one["Key"].removeprefix(prefix) for one in answer.get("Contents", ()))


def _bucket_of(url: str, account: Account) -> tuple[str, str, str | None, str]:
    """Of a store's url: bucket, prefix with its slash, endpoint, region."""
    place = S3Place.parse(url)
    return place.bucket, place.key_prefix, place.endpoint, place.region or account.region


def _buckets(places: Mapping[Place, str], account: Account) -> tuple[Bucket, ...]:
    held: dict[tuple[str, str | None, str], list[Held]] = {}
    for place, url in places.items():
        bucket, prefix, endpoint, region = _bucket_of(url, account)
        held.setdefault((bucket, endpoint, region), []).append(Held(place, prefix))
    return tuple(
        _bucket(name, tuple(all_held), endpoint, region, account)
        for (name, endpoint, region), all_held in held.items()
    )


def _bucket(
    name: str, held: tuple[Held, ...], endpoint: str | None, region: str, account: Account
) -> Bucket:
    def asked(operation: str, parse: Callable[[Answer], T]) -> T | Unknown:
        return read(account.ask("s3", operation, region, endpoint, Bucket=name), parse)

    return Bucket(
        name=name,
        held=held,
        endpoint=account.endpoint("s3", region, endpoint),
        amazon=endpoint is None or is_amazon(endpoint),
        region=region,
        encryption=asked("get_bucket_encryption", reading.encryption),
        versioning=asked("get_bucket_versioning", lambda a: str(a.get("Status", ""))),
        public_access_block=asked("get_public_access_block", reading.public_access_block),
        policy=asked("get_bucket_policy", reading.policy),
        ownership=asked("get_bucket_ownership_controls", reading.ownership),
        lifecycle=asked("get_bucket_lifecycle_configuration", lambda a: tuple(a.get("Rules", ()))),
        replicas=asked("get_bucket_replication", reading.replicas),
        lock=asked("get_object_lock_configuration", reading.lock),
        metrics=asked("list_bucket_metrics_configurations", reading.metrics),
        uploads=asked("list_multipart_uploads", reading.uploads),
        log_target=asked(
            "get_bucket_logging", lambda a: str(a.get("LoggingEnabled", {}).get("TargetBucket", ""))
        ),
    )


def _keys(settings: Settings, buckets: Iterable[Bucket], account: Account) -> tuple[Key, ...]:
    uses: dict[tuple[str, str], list[str]] = {}
    for role, arn in settings.kms.items():
        uses.setdefault((arn, region_of(arn, account)), []).append(f"{role} key")
    for bucket in buckets:
        encryption = bucket.encryption
        # A server that is not Amazon's has keys of its own, which nobody here can ask for.
        if bucket.amazon and isinstance(encryption, Encryption) and encryption.key:
            region = region_of(encryption.key, account, bucket.region)
            uses.setdefault((encryption.key, region), []).append(f"encrypts {bucket.name}")
    return tuple(_key(name, region, tuple(for_), account) for (name, region), for_ in uses.items())


def _key(name: str, region: str, uses: tuple[str, ...], account: Account) -> Key:
    state = read(account.ask("kms", "describe_key", region, KeyId=name), reading.key_state)
    arn = name if isinstance(state, Unknown) else state.arn

    def asked(operation: str, parse: Callable[[Answer], T], **more: str) -> T | Unknown:
        return read(account.ask("kms", operation, region, KeyId=arn, **more), parse)

    return Key(
        name=name,
        region=region,
        uses=uses,
        state=state,
        rotation=asked("get_key_rotation_status", lambda a: bool(a["KeyRotationEnabled"])),
        policy=asked("get_key_policy", reading.policy, PolicyName="default"),
        grants=asked("list_grants", reading.grants),
    )
