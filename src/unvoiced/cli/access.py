"""Commands about access: grants for contributors, and who may do what."""

import json
from datetime import UTC
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from unvoiced.access.grant import UploadRequest, grant_seconds
from unvoiced.access.page import as_markdown, rows
from unvoiced.access.policies import Estate, partition_of, role_policy
from unvoiced.access.roles import Place, Role
from unvoiced.cli.display import err, table
from unvoiced.cli.operator import Config
from unvoiced.config import FILE_NAME, Settings, load_settings
from unvoiced.errors import InputError
from unvoiced.keys.invitation import write_private
from unvoiced.keys.pseudonyms import pseudonym


class Form(StrEnum):
    """How credentials are written."""

    PROCESS = "process"
    ENV = "env"


def grant(
    contributor: Annotated[str, typer.Argument(help="The id you know the contributor by.")],
    minutes: Annotated[int, typer.Option(help="How long it is good for, 15 to 60.")] = 60,
    form: Annotated[
        Form,
        typer.Option("--format", help="credential_process JSON, or lines for a shell."),
    ] = Form.PROCESS,
    sample: Annotated[
        str | None,
        typer.Option(help="Presign the upload of this one sample instead; with the two below."),
    ] = None,
    size: Annotated[int | None, typer.Option(help="The sealed object's size in bytes.")] = None,
    sha256: Annotated[str | None, typer.Option(help="The sealed object's SHA-256.")] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write it to this new file, for nobody else to read."),
    ] = None,
    config: Config = Path(FILE_NAME),
) -> None:
    """Print short-lived credentials that upload one contributor's recordings and do nothing else.

    With --sample, --size and --sha256: a presigned upload of exactly those bytes, as JSON.
    """
    settings, seconds = load_settings(config), grant_seconds(minutes)
    key = settings.vault("inviter").get("pseudonym/key")
    whose = pseudonym(key, contributor)
    wanted = _upload_request(whose, sample, size, sha256)
    # Here, as boto3 takes longer to import than all other commands take to run.
    from unvoiced.aws.sts import grant_session, issue_grant, sts_client
    from unvoiced.stores.s3_place import S3Place
    from unvoiced.stores.s3_presign import presign_upload

    place = S3Place.parse(settings.store_url("raw"))
    region = place.region or "us-east-1"
    estate = Estate(
        buckets={Place.RAW: place.folder},
        partition=partition_of(region),
        region=region,
        amazon=place.at_amazon,
    )
    tokens = sts_client(region, place.endpoint)
    given = issue_grant(tokens, _uploader(settings), whose, estate, seconds)
    if wanted is not None:
        upload = presign_upload(grant_session(given), place, wanted, seconds)
        text = json.dumps(upload, indent=2)
    else:
        text = given.as_environment() if form is Form.ENV else given.as_credential_process()
    if output is not None:
        write_private(output, text + "\n")
    else:
        # Not through rich: it would wrap what a program is to read.
        typer.echo(text)
    ends = given.expires.astimezone(UTC)
    err.print(f"Contributor {whose}; ends {ends:%Y-%m-%d %H:%M} UTC.")


def roles(
    policy: Annotated[
        Role | None,
        typer.Option(help="Print this role's IAM policy, for the stores and keys of --config."),
    ] = None,
    markdown: Annotated[
        bool, typer.Option(help="Print the table as docs/roles.md has it.")
    ] = False,
    config: Config = Path(FILE_NAME),
) -> None:
    """Show who may do what, or a role's IAM policy made from that."""
    if policy is not None:
        estate = load_settings(config).estate()
        document = role_policy(policy, estate)
        if not document["Statement"]:
            raise InputError(f"no place of the {policy.value} is in a bucket or at a key service")
        typer.echo(json.dumps(document, indent=2))
    elif markdown:
        typer.echo(as_markdown(), nl=False)
    else:
        table(
            "Who may do what",
            {"role": "left", "where": "left", "may": "left", "why": "left"},
            [(role.value, *row) for role in Role for row in rows(role)],
        )


def _uploader(settings: Settings) -> str:
    from unvoiced.aws.sts import role_arn

    try:
        return role_arn(settings.roles[Role.UPLOADER.setting])
    except KeyError:
        raise InputError(f"{settings.path} has no uploader under [roles]") from None


def _upload_request(
    whose: str, sample: str | None, size: int | None, sha256: str | None
) -> UploadRequest | None:
    if sample is None and size is None and sha256 is None:
        return None
    if sample is None or size is None or sha256 is None:
        raise InputError("a presigned upload needs --sample, --size and --sha256")
    return UploadRequest(whose, sample, size, sha256)
