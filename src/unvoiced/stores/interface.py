"""What a store promises; one contract suite (tests/stores) holds every implementation to it.

- A put that returned is durable: it survives a crash of this process and of the machine.
- A put is atomic: a reader sees all of an object or none of it, under any interleaving.
- `put_if_absent` has one winner among any number of racers.
- A version token names one put for ever; `delete` destroys exactly the version it is given, so a
  newer object under the same name is never collateral damage.
- An object put with `put_locked` cannot be destroyed before its day, by any method here: neither
  deleted nor, in a store that keeps no older versions, replaced.
- A name means the same everywhere: segments of [A-Za-z0-9._-] joined by "/", none starting with a
  dot, 900 characters at most. Anything else is refused with `InputError` before the store is asked.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from unvoiced.errors import StoreError

# What `check_conditions` leaves behind, in a store that may be empty otherwise.
CONDITIONS_PROBE = "probe/conditional-put"

# What S3 calls the class of an object that can be read at once; of a store without classes too.
STANDARD = "STANDARD"
# Objects of these have to be restored before they can be read.
COLD_CLASSES = frozenset({"GLACIER", "DEEP_ARCHIVE"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One version of one object as a listing shows it."""

    name: str
    version: str
    size: int
    modified: datetime
    delete_marker: bool = False
    storage_class: str = STANDARD


@dataclass(frozen=True, slots=True)
class Stored:
    """An object's bytes and the version they are."""

    name: str
    version: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Keeping:
    """How one version of an object is kept, as far as can be seen without reading its bytes."""

    size: int
    storage_class: str
    retain_until: datetime | None  # not to be destroyed before; None where no lock is on it
    legal_hold: bool = False  # not to be destroyed until somebody lifts it
    labels: Mapping[str, str] = field(default_factory=dict)  # as they were given with the put


class Store(Protocol):
    """A place for sealed objects and public files.

    Every method raises `StoreError` (or a subclass) when the store refuses or cannot be reached,
    with a message that names the object and the store's own error code.
    """

    @property
    def url(self) -> str:
        """Where it is, in the form that `open_store` takes; carries no credentials."""

    @property
    def together(self) -> int:
        """How many calls are worth having under way at once; 1 where waiting costs nothing.

        All methods may be called by that many threads. `stores.together` makes the calls.
        """

    def check_conditions(self, *, replacing: bool = True) -> None:
        """Prove that `put_if_absent` and `replace` decide between writers, as promised above.

        Who may create there and not replace anything asks without `replacing`: it proves the first.
        A store that decides in this library's own code returns at once. One that leaves it to a
        server asks the server, and raises `StoreError` where it does not keep to it: what is put
        there could be overwritten by another run, so such a store must not be used.
        """

    def put_if_absent(self, name: str, data: bytes) -> str:
        """Create the object; return its version. Raises `AlreadyExists` where one is there."""

    def replace(self, name: str, data: bytes, *, version: str) -> str:
        """Put over exactly this current version; return the new one.

        Raises `Changed` when the current version is another one, or the object is gone; `Locked`
        where the version would be gone then and is not to be.
        """

    def get(self, name: str, version: str | None = None) -> Stored:
        """Read the current version, or the one named. Raises `NotFound`."""

    def get_start(self, name: str, version: str, length: int) -> bytes:
        """The first bytes of one version, `length` (1 or more) of them or all there are.

        Raises `NotFound`. The store compares no digest with a part: what hangs on these bytes
        being right must show in themselves.
        """

    def head(self, name: str) -> Entry | None:
        """The current version's entry, or None where the name has no current object."""

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """Current objects whose name starts with the prefix, in order of name."""

    def versions(self, prefix: str = "", after: str = "") -> Iterator[Entry]:
        """Every version and delete marker under the prefix, in order of name.

        Of names greater than `after` alone, any text: who lists in parts goes on behind the last
        name of the part before, without what comes before being walked again, and has every version
        of one name in one part. A store without versions yields what `list` does.
        """

    def folders(self, prefix: str = "") -> Iterator[str]:
        """What follows the prefix up to the next "/", once each and in order, without that "/".

        `prefix` is "" or ends in "/". A folder counts while it holds any version or delete marker.
        """

    def delete(self, name: str, version: str) -> None:
        """Destroy exactly this version; no error when it is already gone.

        Never adds a delete marker. Returning says that the call was made, not that the bytes are
        gone: whoever needs to know looks again (INV-4). Raises `Locked` where a lock or a legal
        hold is seen to be what keeps it.
        """

    def delete_many(self, versions: Sequence[tuple[str, str]]) -> Sequence[StoreError | None]:
        """`delete` of each name and version, in fewer requests where the store can.

        What `delete` would have raised, None where it would have returned, in order. Where the
        credentials run out, nothing more is asked, and all that was not deleted has that as its
        error. Raises `InputError` for a name that is none, before anything is deleted.
        """

    def put_locked(
        self,
        name: str,
        data: bytes,
        *,
        until: datetime,
        mode: str,
        storage_class: str,
        labels: Mapping[str, str],
    ) -> str:
        """Create the object in a storage class, not to be destroyed before `until`.

        `mode` is S3's word for who may lift the lock: "GOVERNANCE", whoever has a right of its own
        for it, or "COMPLIANCE", nobody.

        Returns its version once the store has compared the digest of what arrived. `until` lies
        ahead; parts of a second may be dropped. `labels` are up to ten short texts of letters,
        digits and + - = . _ : / @ that `keeping` gives back, so that who may not read the object
        can tell what it is. Raises `AlreadyExists` where one is there, and `StoreError` where the
        store has no locks; then nothing was put.
        """

    def keeping(self, name: str, version: str) -> Keeping | None:
        """How this version is kept, or None where it is not there; asks for none of its bytes."""

    def restore(self, name: str, version: str, *, days: int, tier: str) -> bool:
        """Have a version in a cold class made readable for some days; whether it is by now.

        Asks the store only where nobody has yet. `tier` is S3's word for how fast and how dear:
        "Bulk", "Standard" or, of GLACIER alone, "Expedited". Raises `NotFound`, and `InputError`
        for a tier that the object's class does not have.
        """
