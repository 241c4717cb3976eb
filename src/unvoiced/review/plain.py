"""Text from an account, a trail or a disk, made fit to be shown: names there are anyone's to write.

Control characters move a terminal's cursor, and some are in no XML; those that turn the direction
of writing, or have no width, make one name look like another.
"""

import html

_INSTEAD = "\ufffd"


def plain(text: str) -> str:
    """The text with a sign in place of every character that cannot be seen."""
    return "".join(each if each.isprintable() else _INSTEAD for each in text)


def in_html(text: str) -> str:
    """The same for HTML and SVG, in text or an attribute."""
    return html.escape(plain(text))


def in_markdown(text: str) -> str:
    """The same for a cell of a table in markdown: nothing in it is markup, or a link."""
    return "".join(
        each if each.isalnum() or each in " ,-" else f"&#{ord(each)};" for each in plain(text)
    )


def command(text: str) -> str:
    """A command as it is; one that could not be read as it would run is not shown."""
    if text.isprintable():
        return text
    return "# not shown, as it has characters that cannot be seen: unvoiced review --json"
