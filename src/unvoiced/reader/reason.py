"""Why an object was not read: what reports count."""

from enum import StrEnum


class Reason(StrEnum):
    """The closed list, in words."""

    GONE = "no longer there"
    NO_KEY = "its contributor's key is no longer there"
    KEY_DESTROYED = "its contributor's key was destroyed"
    KEY_UNKNOWN = "the log does not know its contributor's key"
    NO_RECEIPT = "no receipt of the log names it"
    NOT_OPENED = "it does not open in its place"
    TOO_LARGE = "it is larger than any feature object"
    NO_NAME = "its name is no feature object's"

    @property
    def is_absence(self) -> bool:
        """Whether it is what an erasure, or retention, leaves behind."""
        return self in {Reason.GONE, Reason.NO_KEY, Reason.KEY_DESTROYED}
