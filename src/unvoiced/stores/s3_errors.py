"""What a server's refusal means to a store; the only text kept of it is its error code."""

import contextlib
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from botocore.exceptions import BotoCoreError, ClientError

from unvoiced.errors import NotFound, StoreError

_CODE = re.compile(r"[A-Za-z0-9.]{1,64}")
_AS_USUAL: Mapping[str, type[StoreError]] = MappingProxyType({})

# HEAD has no body to carry a code, so the status stands in for it. Asking for a delete marker by
# its version is "not allowed": it has no bytes to give.
MISSING = MappingProxyType(
    dict.fromkeys(
        ("NoSuchKey", "NoSuchVersion", "404", "MethodNotAllowed", "405"),
        NotFound,
    )
)
UNMET = frozenset({"PreconditionFailed", "412"})
CONFLICT = frozenset({"ConditionalRequestConflict", "OperationAborted", "409"})


def code_of(error: ClientError) -> str:
    """The server's error code, or the HTTP status as text; nothing else of the answer."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    return code if _CODE.fullmatch(code) else "an unreadable error code"


@contextlib.contextmanager
def refusals(what: str, meaning: Mapping[str, type[StoreError]] = _AS_USUAL) -> Iterator[None]:
    """Raise what the error code means, a `StoreError` where it is not in `meaning`."""
    try:
        yield
    except ClientError as error:
        code = code_of(error)
        raise meaning.get(code, StoreError)(f"{what}: the store answered {code}") from None
    except BotoCoreError as error:
        raise StoreError(f"{what}: {type(error).__name__}") from None
