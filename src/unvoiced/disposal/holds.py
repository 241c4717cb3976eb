"""Legal holds: what must not be destroyed, whatever retention, erasure or ingest would do.

A hold is on one contributor or on everything. It is a small object in the journal store, which is
private; a hold does not go into the log, as it is about a person. Whoever can write to the journal
store can place one, which delays disposals, and whoever can destroy there can lift one: the store's
own access log says who did. A legal hold that the store itself keeps on an object is honoured too:
there the store refuses.

A hold counts by its object's name alone: one whose text is damaged holds all the same, and one
whose name says nobody stops every disposal until somebody has looked at it.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import rfc8785

from unvoiced import names
from unvoiced.errors import (
    AlreadyExists,
    InputError,
    NotDisposed,
    NotFound,
    VerificationError,
)
from unvoiced.stores.interface import Store

_PREFIX = "holds/"
EVERYTHING = "everything"
DAMAGED = "(damaged: its object does not say)"


class UnderHold(NotDisposed):
    """A legal hold keeps it."""


@dataclass(frozen=True)
class LegalHold:
    """Whose recordings and features are held (`everything`, or a pseudonym), why and since when."""

    whose: str
    reason: str
    since: str


@dataclass(frozen=True)
class Held:
    """Who is held at one moment: pseudonyms, or `everything`."""

    whose: frozenset[str]

    def by(self, name: str) -> str | None:
        """What holds an object named PSEUDONYM/...: its contributor's hold, or `everything`."""
        contributor = name.partition("/")[0]
        return next((one for one in (EVERYTHING, contributor) if one in self.whose), None)

    def refuse(self, name: str) -> None:
        """Raises `UnderHold` where `name`, PSEUDONYM/..., is under a hold."""
        if held := self.by(name):
            raise UnderHold(f"{name}: under a legal hold ({held}); it stays until that is lifted")


class LegalHolds:
    """Places, lifts and reads holds in the journal store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def place(self, hold: LegalHold) -> None:
        """Make a hold durable. Raises `InputError` for what is no pseudonym, or held already."""
        try:
            self._store.put_if_absent(_name(hold.whose), rfc8785.dumps(asdict(hold)))
        except AlreadyExists:
            raise InputError(f"{hold.whose} is under a legal hold already") from None

    def lift(self, whose: str) -> None:
        """Take a hold off. Raises `InputError` where there is none."""
        listed = self._store.head(_name(whose))
        if listed is None:
            raise InputError(f"{whose} is under no legal hold")
        self._store.delete(listed.name, listed.version)

    def all(self) -> Iterator[LegalHold]:
        """Every hold there is; a damaged one says that it is."""
        for listed in self._store.list(_PREFIX):
            whose = listed.name.removeprefix(_PREFIX)
            try:
                said = json.loads(self._store.get(listed.name).data)
                yield LegalHold(whose, str(said["reason"]), str(said["since"]))
            except NotFound:  # lifted meanwhile
                continue
            except (ValueError, KeyError, TypeError, RecursionError):
                yield LegalHold(whose, DAMAGED, "")

    def held(self) -> Held:
        """Who is held now; reads no hold. Ask anew before each round of destroying.

        Raises `VerificationError` for a hold of which the name does not say whose it is: somebody
        meant to hold something, and nothing may go before that is known.
        """
        whose = [listed.name.removeprefix(_PREFIX) for listed in self._store.list(_PREFIX)]
        for one in whose:
            try:
                _name(one)
            except InputError:
                raise VerificationError(
                    f"{_PREFIX}{ascii(one)[1:-1]} in the journal store holds nobody that can be "
                    "told, so nothing is destroyed: place the hold that was meant, then remove this"
                ) from None
        return Held(frozenset(whose))


def _name(whose: str) -> str:
    return _PREFIX + (whose if whose == EVERYTHING else names.pseudonym(whose))
