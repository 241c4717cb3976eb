"""Part i of n of the raw store: an interval of names, so that parts need no coordination.

- Every name there can be, whoever gave it, is in exactly one part; so counts of parts add up.
- Pseudonyms are keyed hashes, evenly spread: contributors fall into parts by chance, evenly. What
  one contributor sent is in one part.
- A part is listed from its first name to its last, without what the others have being listed.
"""

from dataclasses import dataclass

from unvoiced.errors import InputError

_DIGITS = "234567abcdefghijklmnopqrstuvwxyz"  # of pseudonyms, in the order of a listing
_PLACES = 4
MOST_PARTS = 4096


@dataclass(frozen=True)
class Part:
    """Names that are greater than `after`, and not greater than `until` where there is one.

    Raises `InputError` where there is no such part.
    """

    number: int = 1
    of: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.of <= MOST_PARTS:
            raise InputError(
                f"there is no part {self.number} of {self.of}: parts are counted from 1, and there "
                f"are {MOST_PARTS:,} at most"
            )

    @property
    def is_first(self) -> bool:
        """Whether this is the part that does what is to be done once for all parts."""
        return self.number == 1

    @property
    def after(self) -> str:
        """Where it begins: behind this name."""
        return _bound(self.number - 1, self.of) if self.number > 1 else ""

    @property
    def until(self) -> str | None:
        """Its last name, or None where it goes on to the end."""
        return _bound(self.number, self.of) if self.number < self.of else None

    def has(self, name: str) -> bool:
        """Whether an object of this name is in it."""
        if self.number > 1 and name <= self.after:
            return False
        return self.until is None or name <= self.until


WHOLE = Part()


def _bound(number: int, of: int) -> str:
    value = number * len(_DIGITS) ** _PLACES // of
    digits = ""
    for _ in range(_PLACES):
        value, digit = divmod(value, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits
