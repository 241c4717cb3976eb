"""Many versions destroyed by one request, up to the thousand that S3 takes.

The request's answer names what was deleted and what was not, and nothing follows from it but this:
what it does not say is deleted, or was not there, has to be asked about alone. That asking says
why, as it does for who deletes one version, and may well delete: a throttled server, or one that
takes no such request, or only not from these credentials.
"""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from unvoiced.errors import CredentialsExpired, StoreError
from unvoiced.stores.s3_errors import FORBIDDEN, MISSING, code_of, refusal

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

_MOST = 1000
# How servers say that they take no such request, or not from these credentials.
_NOT_TAKEN = FORBIDDEN | {"MalformedXML", "MethodNotAllowed", "NotImplemented", "405", "501"}

# An object's name, or key, and a version's id.
Version = tuple[str, str]


def delete_at_once(
    client: "S3Client", bucket: str, keys: Mapping[Version, str]
) -> dict[Version, StoreError | None]:
    """Delete versions, by name and id, of these keys; what is known of them afterwards.

    None for what is gone, an error where the server is in trouble or the credentials have run out.
    What is missing is to be deleted alone.
    """
    outcome: dict[Version, StoreError | None] = {}
    named = list(keys)
    for start in range(0, len(named) - 1, _MOST):  # of one alone there is nothing to gain
        some = named[start : start + _MOST]
        try:
            gone = _deleted(client, bucket, [(keys[one], one[1]) for one in some])
        except (BotoCoreError, ClientError, ResponseParserError, RuntimeError) as error:
            failed = {one: refusal(one[0], error) for one in some}
            outcome |= failed
            if isinstance(failed[some[0]], CredentialsExpired):
                break
        else:
            outcome |= dict.fromkeys(one for one in some if (keys[one], one[1]) in gone)
    return outcome


def _deleted(client: "S3Client", bucket: str, versions: Collection[Version]) -> set[Version]:
    """Those of which the server says that they are deleted, or were not there."""
    named: list[ObjectIdentifierTypeDef] = [
        {"Key": key, "VersionId": version} for key, version in versions
    ]
    try:
        answer = client.delete_objects(Bucket=bucket, Delete={"Objects": named, "Quiet": False})
    except ClientError as error:
        if code_of(error) in _NOT_TAKEN:
            return set()
        raise
    gone = {(one.get("Key", ""), one.get("VersionId", "")) for one in answer.get("Deleted", ())}
    return gone | {
        (one.get("Key", ""), one.get("VersionId", ""))
        for one in answer.get("Errors", ())
        if one.get("Code") in MISSING
    }
