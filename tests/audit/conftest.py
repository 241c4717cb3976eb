"""What tests of the trail share with those of ingest."""

from tests.ingest.conftest import memory_disk

__all__ = ["memory_disk"]
