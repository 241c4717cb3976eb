"""Texts of the trail: whoever may create records chooses them, and terminals show them. No I/O."""

LONGEST = 512  # characters


def is_text(value: object) -> bool:
    """Whether a record may have this text: printable, and not too long.

    So no record moves a terminal's cursor, breaks a line, or turns around what stands beside it.
    """
    return isinstance(value, str) and len(value) <= LONGEST and value.isprintable()


def printable(text: str) -> str:
    """A text with what is not printable escaped, as Python writes it."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )
