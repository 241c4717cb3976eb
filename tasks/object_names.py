"""Names of objects as Prefect may see them.

A recording's own name is a pseudonym and a sample id, and shown. Any other is what somebody with
rights to a store made up, a person's name perhaps: of it there is the beginning of its SHA-256.
`unvoiced status` shows the names themselves beside the same digits.
"""

from ast import literal_eval

from unvoiced.ingest.status import name_digits
from unvoiced.names import parse_sealed_name


def shown(name: str) -> str:
    """A recording's name as it is; of any other, which one it is."""
    if parse_sealed_name(name) is not None:
        return name
    return f"foreign name, SHA-256 {name_digits(name)}"


def shown_quoted(name: str) -> str:
    """The same of a name that is in quotes where no store can be asked for it."""
    return shown(str(literal_eval(name))) if name.startswith(("'", '"')) else shown(name)


def without(name: str, text: str) -> str:
    """A text about an object, with what is shown of its name in place of the name."""
    return text if parse_sealed_name(name) is not None else text.replace(name, shown(name))
