"""Keeping names out of what may be shown: an erasure's messages must not say whose it is.

Stores name objects in their messages, and objects bear pseudonyms. What reaches an orchestrator's
database, a log or a report is scrubbed here first.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from unvoiced.errors import UnvoicedError

# A pseudonym, or a sample id of the same form: 26 characters of base32.
_NAME = re.compile(r"(?<![a-z2-7])[a-z2-7]{26}(?![a-z2-7])")


def scrubbed(text: str) -> str:
    """The text without anything that has the form of a pseudonym."""
    return _NAME.sub("(name withheld)", text)


@contextmanager
def discreet() -> Iterator[None]:
    """Let errors out without names in them."""
    try:
        yield
    except UnvoicedError as error:
        error.args = tuple(scrubbed(str(one)) for one in error.args)
        error.__cause__ = error.__context__ = None
        raise
