"""What keeps secrets inside requests and answers: TLS, and no log of bodies."""

import logging
from urllib.parse import urlsplit

from unvoiced.errors import InputError

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
# They write whole requests and answers at DEBUG, the secrets in them too.
_LOGGERS_OF_BODIES = ("botocore.endpoint", "botocore.parsers")


def encrypted_only(service: str, endpoint: str) -> None:
    """Raises `InputError` for an endpoint that would have secrets cross a network unencrypted."""
    parts = urlsplit(endpoint)
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        raise InputError(f"the endpoint of {service} has to be an https url")


def hide_bodies() -> None:
    """Keep botocore, in all of this process, from logging the bodies of requests and answers."""
    for name in _LOGGERS_OF_BODIES:
        logging.getLogger(name).addFilter(_above_debug)


def _above_debug(record: logging.LogRecord) -> bool:
    return record.levelno > logging.DEBUG
