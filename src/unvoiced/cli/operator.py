"""Commands of who runs a deployment: init, invite, ingest, quarantine."""

import importlib
import os
import shlex
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, get_args

import typer

from unvoiced.access import roles as access_roles
from unvoiced.announcements import current_announcement
from unvoiced.cli.display import err, out, table
from unvoiced.clock import utc_now
from unvoiced.config import (
    FILE_NAME,
    KMS_NAMES,
    Role,
    Settings,
    StoreName,
    load_settings,
    passphrase_from_file,
)
from unvoiced.deployment import Plan, create_deployment
from unvoiced.disposal import Quarantine
from unvoiced.disposal.quarantine import Records
from unvoiced.errors import InputError, UnvoicedError
from unvoiced.features import load as load_feature_set
from unvoiced.features import make_ready
from unvoiced.ingest.recording import QUARANTINE_REASONS
from unvoiced.keys.invitation import Invitation
from unvoiced.keys.pseudonyms import pseudonym, sample_key
from unvoiced.log.leaves import encode_leaf
from unvoiced.log.ledger import Ledger
from unvoiced.log.note import Verifier
from unvoiced.sealing import parse_fernet_key
from unvoiced.sections import WATCH_PLACES

Config = Annotated[
    Path,
    typer.Option(
        "--config", "-c", envvar="UNVOICED_CONFIG", help="unvoiced.toml, or the folder it is in."
    ),
]


def init(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    passphrase: Annotated[
        list[str] | None,
        typer.Option(
            help="A role (worker, dataset, inviter, archive) whose vault gets a passphrase instead "
            "of a key file. May be given several times, as may those below."
        ),
    ] = None,
    store: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=URL", help="A store elsewhere: raw=s3://BUCKET/?region=REGION."),
    ] = None,
    vault: Annotated[
        list[str] | None,
        typer.Option(metavar="ROLE=URL", help="A key vault elsewhere: worker=s3://BUCKET."),
    ] = None,
    kms: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ROLE=ARN",
            help="The AWS KMS key that a role's vault is under; log=ARN to sign checkpoints.",
        ),
    ] = None,
    role: Annotated[
        list[str] | None,
        typer.Option(metavar="ROLE=ARN", help="An IAM role of docs/roles.md: uploader=ARN."),
    ] = None,
    watch: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=PLACE",
            help="What the watch reads and tells: cloudtrail=URL, access_logs=URL, topic=ARN.",
        ),
    ] = None,
    compile_kernel: Annotated[
        bool,
        typer.Option(
            "--compile/--no-compile",
            help="Compile the extraction kernel now; else the first ingest on this machine does.",
        ),
    ] = True,
) -> None:
    """Create a deployment: stores, one key vault per role, an empty log, the first intake key."""
    passphrases: dict[Role, str] = {}
    for name in passphrase or []:
        whose = next((known for known in get_args(Role) if known == name), None)
        if whose is None:
            raise InputError(f"{name!r} is not a role: {', '.join(get_args(Role))}")
        passphrases[whose] = passphrase_from_file(whose) or typer.prompt(
            f"New passphrase of the {whose} vault", hide_input=True, confirmation_prompt=True
        )
    plan = Plan(
        stores=_named("--store", store, get_args(StoreName)),
        vaults=_named("--vault", vault, get_args(Role)),
        kms=_named("--kms", kms, KMS_NAMES),
        roles=_named("--role", role, [known.setting for known in access_roles.Role]),
        watch=_named("--watch", watch, WATCH_PLACES),
        passphrases=passphrases,
    )
    settings = create_deployment(folder, utc_now(), plan)
    out.print(f"Created {settings.path}")
    if compile_kernel:
        sets = [load_feature_set(settings.feature_set(one)) for one in settings.ingest.feature_sets]
        with err.status("Looking for the compiled extraction kernel") as progress:
            make_ready(sets, progress.update)
    out.print("The log's public key, for everyone who will verify:")
    out.print(settings.log_vkey, soft_wrap=True, highlight=False)
    out.print(f"Next: unvoiced invite NAME -c {shlex.quote(str(folder))}")


def _named(option: str, given: list[str] | None, known: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in given or []:
        name, equals, value = text.partition("=")
        if not equals or not value or name not in known:
            raise InputError(f"{option} {text!r}: NAME=VALUE, NAME one of {', '.join(known)}")
        if name in found:
            raise InputError(f"{option} {name} is given twice")
        found[name] = value
    return found


def invite(
    contributor: Annotated[str, typer.Argument(help="The id you know the contributor by.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write.")
    ] = None,
    config: Config = Path(FILE_NAME),
) -> None:
    """Write an invitation: all that a contributor needs to seal and upload."""
    settings = load_settings(config)
    key = settings.vault("inviter").get("pseudonym/key")
    path = output or Path(f"{contributor}.invitation")
    invitation = Invitation(
        pseudonym=pseudonym(key, contributor),
        sample_key=sample_key(key, contributor).hex(),
        upload_url=settings.store("raw").url,
        intake=current_announcement(settings, utc_now()),
        log_vkey=settings.log_vkey,
        log_url=settings.store("log").url,
    )
    invitation.write(path)
    out.print(f"{path}: contributor {invitation.pseudonym}, epoch {invitation.intake_key().epoch}")


def ingest(config: Config = Path(FILE_NAME)) -> None:
    """Run the ingest flow once, on the Prefect server that is configured or a temporary one."""
    settings = load_settings(config)
    for name, value in {
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }.items():
        os.environ.setdefault(name, value)
    try:
        # By name: the library does not depend on the flows, which live in a checkout or image.
        flow = importlib.import_module("flows.ingest").ingest
    except ModuleNotFoundError as error:
        raise InputError(
            f"{error.name} is not installed: run ingest from a checkout or image with "
            "the `pipeline` extra"
        ) from None
    try:
        state = flow(str(settings.path), return_state=True)
    except KeyboardInterrupt:
        raise UnvoicedError("interrupted; nothing is lost, the next run finishes it") from None
    except RuntimeError:
        server = os.environ.get("PREFECT_API_URL", "the temporary server")
        raise UnvoicedError(
            f"no answer from Prefect at {server}; no recording was touched"
        ) from None
    err.print(f"{state.name}: {state.message}")
    sys.exit(0 if state.is_completed() else 1)


def accept_fernet(
    key_file: Annotated[Path, typer.Argument(help="A file with the Fernet key, as text.")],
    config: Config = Path(FILE_NAME),
) -> None:
    """Accept uploads made as Fernet tokens too; keeps their key in the worker's vault."""
    try:
        key = key_file.read_bytes().strip()
    except OSError as error:
        raise InputError(f"{key_file}: {error.strerror}") from None
    parse_fernet_key(key)
    vault = load_settings(config).vault("worker")
    vault.put(f"fernet/key-{len(list(vault.names('fernet'))) + 1}", key)
    out.print(f"Kept in the worker's vault. Destroy {key_file} now.")
    out.print(
        "Fernet binds a recording to no name, has no forward secrecy and is not post-quantum."
    )


def quarantine_ls(config: Config = Path(FILE_NAME)) -> None:
    """List quarantined recordings, why each is there, and what to do."""
    settings = load_settings(config)
    found = _in_quarantine(settings, _quarantine(settings))
    rows = [
        (one.name, one.reason, QUARANTINE_REASONS.get(one.reason, ""), one.time)
        for one in sorted(found, key=lambda one: one.name)
    ]
    columns = dict.fromkeys(("object", "reason", "what it means, what to do", "since"), "left")
    if rows:
        table(f"{len(rows):,} quarantined", columns, rows)
    else:
        out.print("Nothing is in quarantine.")
    for planted in found.planted:
        err.print(
            f"{planted} in the journal store is planted or damaged, or an earlier version's: it "
            "says nothing. See who put it there, and delete it",
            soft_wrap=True,
        )


def quarantine_release(
    name: Annotated[str, typer.Argument(help="The object's name, as `quarantine ls` shows it.")],
    config: Config = Path(FILE_NAME),
) -> None:
    """Put a quarantined recording back into the backlog, for the next run to try again."""
    settings = load_settings(config)
    quarantine = _quarantine(settings)
    records = [record for record in _in_quarantine(settings, quarantine) if record.name == name]
    if not records:
        raise InputError(f"{name} is not in quarantine")
    accounts = settings.accounts(settings.vault("worker"))
    for record in records:
        # The leaf first: a record without it would be logged as quarantined again.
        accounts.append([encode_leaf("released", record.sha256, utc_now())])
        quarantine.remove(record)
        out.print(f"released {record.name} ({record.reason})")


def _quarantine(settings: Settings) -> Quarantine:
    return Quarantine(settings.store("journal"), Verifier.parse(settings.log_vkey))


def _in_quarantine(settings: Settings, quarantine: Quarantine) -> Records:
    """The records of what the log has in quarantine too: one that was settled since is none."""
    reader, ledger = settings.log_reader(), Ledger()
    records = quarantine.records()
    ledger.follow(reader.entries, reader.checkpoint().size)
    return records.in_quarantine(ledger.quarantined)
