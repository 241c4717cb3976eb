"""Legal holds: what must not be destroyed, whatever retention, erasure or ingest would do.

A hold is on one contributor or on everything. It is a small object in the journal store, which is
private; a hold does not go into the log, as it is about a person. Whoever can write to the journal
store can place one, which delays disposals, and whoever can destroy there can lift one: the store's
own access log says who did. A legal hold that the store itself keeps on an object is honoured too:
there the store refuses.
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
        """Raises `NotDisposed` where `name`, PSEUDONYM/..., is under a hold."""
        if held := self.by(name):
            raise NotDisposed(f"{name}: under a legal hold ({held}); it stays until that is lifted")


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
        """Every hold there is. Raises `VerificationError` for a damaged one."""
        for listed in self._store.list(_PREFIX):
            try:
                yield LegalHold(**json.loads(self._store.get(listed.name).data))
            except NotFound:
                continue
            except (ValueError, TypeError):
                raise VerificationError(f"{listed.name} is damaged") from None

    def held(self) -> Held:
        """Who is held now; reads no hold. Ask anew before each round of destroying."""
        listed = self._store.list(_PREFIX)
        return Held(frozenset(entry.name.removeprefix(_PREFIX) for entry in listed))


def _name(whose: str) -> str:
    return _PREFIX + (whose if whose == EVERYTHING else names.pseudonym(whose))
