"""Whom a command is about: a pseudonym, or an id where the inviter's vault can be opened."""

import re

from unvoiced.config import Settings
from unvoiced.errors import AccessError, StoreError
from unvoiced.keys import pseudonyms

HELP = "A pseudonym; or a contributor's id, where the inviter's vault can be opened."


def pseudonym_of(settings: Settings, who: str) -> str:
    """The pseudonym that is meant. Raises `AccessError` for an id where the vault does not open."""
    if re.fullmatch(r"[a-z2-7]{26}", who):
        return who
    try:
        key = settings.vault("inviter").get("pseudonym/key")
    except (AccessError, StoreError) as error:
        raise AccessError(
            f"that is no pseudonym, and an id needs the inviter's vault: {error}. Where that "
            "opens, `unvoiced pseudonym ID` prints the pseudonym"
        ) from None
    return pseudonyms.pseudonym(key, who)
