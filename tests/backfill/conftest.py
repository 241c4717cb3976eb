"""The same recordings and folders that ingest is tested with."""

from tests.ingest.conftest import memory_disk, speech, voices

__all__ = ["memory_disk", "speech", "voices"]
