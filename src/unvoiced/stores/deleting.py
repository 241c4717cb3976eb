"""What `Store.delete_many` comes to where a store has no request for many: one delete for each."""

from collections.abc import Sequence

from unvoiced.errors import StoreError
from unvoiced.stores.interface import Store
from unvoiced.stores.object_name import object_name
from unvoiced.stores.together import try_together


def delete_each(store: Store, versions: Sequence[tuple[str, str]]) -> Sequence[StoreError | None]:
    """As `Store.delete_many` says, by `delete`, as many under way at once as the store is for."""
    for name, _ in versions:
        object_name(name)
    return list(try_together(store, lambda one: store.delete(*one), versions))
