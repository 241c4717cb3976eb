"""A versioned memory store's delete markers, which only tests can make."""

import pytest

from unvoiced.errors import NotFound
from unvoiced.stores.memory import MemoryStore


def test_a_delete_marker_hides_and_goes_by_its_version() -> None:
    """As in a versioned bucket: hidden from get, head and list, kept and shown by versions."""
    store = MemoryStore(versioned=True)
    version = store.put_if_absent("p/one", b"1")
    marker = store.hide("p/one")
    assert store.head("p/one") is None
    assert list(store.list()) == []
    shown = [(entry.version, entry.delete_marker) for entry in store.versions()]
    assert shown == [(marker, True), (version, False)]
    for hidden in (None, marker):
        with pytest.raises(NotFound):
            store.get("p/one", hidden)
    assert store.get("p/one", version).data == b"1"
    store.delete("p/one", marker)
    assert store.get("p/one").version == version


def test_only_a_versioned_store_has_markers() -> None:
    """Without versions a hidden object would be a lost one."""
    with pytest.raises(ValueError, match="versioned"):
        MemoryStore().hide("p/one")
