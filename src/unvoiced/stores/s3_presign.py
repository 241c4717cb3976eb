"""Presigned uploads: for who holds no credentials at all, one object each."""

from base64 import b64encode
from typing import Any

import boto3
from botocore.config import Config

from unvoiced import names
from unvoiced.access.grant import UploadRequest
from unvoiced.stores.s3_place import S3Place


def presign_upload(
    session: boto3.Session, place: S3Place, wanted: UploadRequest, seconds: int
) -> dict[str, Any]:
    """Method, url and headers of a request that puts exactly the wanted bytes.

    `session` is a grant's; the url ends when the grant does. Name, size, SHA-256 and "only where
    nothing stands" are part of what is signed: the server refuses anything else. Until it ends it
    is good again once the object is gone, for the very same bytes.
    """
    client = session.client(
        "s3",
        region_name=place.region or "us-east-1",
        endpoint_url=place.endpoint,
        config=Config(
            # The default for presigned urls would sign none of the headers below.
            signature_version="s3v4",
            s3={"addressing_style": "path" if place.endpoint else "auto"},
        ),
    )
    checksum = b64encode(bytes.fromhex(wanted.sha256)).decode()
    url = client.generate_presigned_url(
        "put_object",
        Params={
            "Bucket": place.bucket,
            "Key": place.key_prefix + names.sealed_name(wanted.pseudonym, wanted.sample),
            "ContentLength": wanted.size,
            "ChecksumSHA256": checksum,
            "IfNoneMatch": "*",
        },
        ExpiresIn=seconds,
    )
    headers = {
        "Content-Length": str(wanted.size),
        "If-None-Match": "*",
        "x-amz-checksum-sha256": checksum,
    }
    return {"method": "PUT", "url": url, "headers": headers}
