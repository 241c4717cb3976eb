"""Reading many objects for less CPU: files in one system call, buckets through `obstore`.

For whoever knows the digest of what should come back, or asks somebody who does: nothing is
compared on the way here. Whatever does not succeed at once, for whatever reason, is asked again
through `Store.get`, which knows what to make of answers: so the errors are the store's own, and a
server in trouble is asked as patiently as ever.

`obstore` keeps threads that a fork leaves behind, and in the child it would wait for them for ever.
A process that was forked after its first use therefore reads through `Store.get` alone.
"""

import os
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from unvoiced.errors import VerificationError
from unvoiced.stores.interface import Store
from unvoiced.stores.object_name import object_name

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# A pipe that somebody put there does not keep anybody waiting.
_READ_ONLY = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
# What Linux reads in one call; four hours of speech, as float32, are less than half of it.
MOST = 2**31 - 4096
_ASK_AGAIN = timedelta(minutes=1)
_BUNDLES = {"AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"}
_in_use = False
_left_behind = False


def _after_fork() -> None:
    global _left_behind
    _left_behind = _left_behind or _in_use


os.register_at_fork(after_in_child=_after_fork)


def quick_read(store: Store) -> Callable[[str], bytes]:
    """What reads current objects of a store by name, by the quickest way there is.

    It raises what `Store.get` does, and `VerificationError` for an object of more than `MOST`
    bytes, of which none are read: a sparse file of terabytes costs whoever puts it there nothing.

    It is no quicker, and does not look at sizes, for a bucket where the client's credentials are
    not known, obstore is not installed, or TLS goes by a bundle of certificates that an environment
    variable of botocore's names: obstore would trust others.
    """

    def careful(name: str) -> bytes:
        return store.get(name).data

    where = getattr(store, "quick_place", None)
    if isinstance(where, str):
        return _from_files(where, careful)
    if where is None or (where["endpoint"].startswith("https:") and _BUNDLES & os.environ.keys()):
        return careful
    try:
        return _from_bucket(where, careful)
    except ImportError:
        return careful


def _from_files(root: str, careful: Callable[[str], bytes]) -> Callable[[str], bytes]:
    """Not to be led astray by links: whoever reads so finds out from the digest."""

    def read(name: str) -> bytes:
        try:
            file = os.open(f"{root}/{object_name(name)}", _READ_ONLY)
        except OSError:
            return careful(name)
        try:
            status = os.fstat(file)
            _check_size(name, status.st_size)
            data = os.read(file, status.st_size) if stat.S_ISREG(status.st_mode) else b""
        except OSError:
            return careful(name)
        finally:
            os.close(file)
        return data if data and len(data) == status.st_size else careful(name)

    return read


def _from_bucket(where: Any, careful: Callable[[str], bytes]) -> Callable[[str], bytes]:
    import obstore

    objects = obstore.store.S3Store(**where)

    def read(name: str) -> bytes:
        global _in_use
        if _left_behind:
            return careful(name)
        _in_use = True
        try:
            found = obstore.get(objects, object_name(name))
            _check_size(name, found.meta["size"])
            return bytes(found.bytes())
        except (OSError, obstore.exceptions.BaseError):
            return careful(name)

    return read


def _check_size(name: str, size: int) -> None:
    if size > MOST:
        raise VerificationError(f"{name}: has {size:,} bytes, more than are read at once")


def quick_place(client: "S3Client", bucket: str, prefix: str, credentials: Any) -> dict[str, Any]:
    """What obstore takes to reach the same bucket with the same credentials, as they are renewed.

    Path-style at the client's own endpoint, whatever that is; it asks once, and waits as long.
    """

    def current() -> dict[str, Any]:
        frozen = credentials.get_frozen_credentials()
        return {
            "access_key_id": frozen.access_key,
            "secret_access_key": frozen.secret_key,
            "token": frozen.token,
            # botocore renews them in time; so ask it again soon.
            "expires_at": datetime.now(UTC) + _ASK_AGAIN,
        }

    endpoint, config = client.meta.endpoint_url, vars(client.meta.config)
    return {
        "bucket": bucket,
        "prefix": prefix or None,
        "endpoint": endpoint,
        # Otherwise the variable AWS_ENDPOINT_URL_S3 would win over it.
        "aws_endpoint_url_s3": endpoint,
        "region": client.meta.region_name,
        "virtual_hosted_style_request": False,
        "credential_provider": current,
        "client_options": {
            "allow_http": endpoint.startswith("http://"),
            "connect_timeout": f"{config['connect_timeout']}s",
            "timeout": f"{config['read_timeout']}s",
            "user_agent": config["user_agent"],
        },
        "retry_config": {"max_retries": 0},
    }
