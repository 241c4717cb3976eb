"""What holds on disk and in memory holds on a real S3 server.

This file runs the tests of its neighbours again, with every store of the deployment in a versioned
bucket. They are imported, not copied: what they ask for as `home` (or, to
make several, as `deployed`) is what this file gives them.
"""

import itertools
import secrets
from pathlib import Path

import pytest

from tests.ingest.buckets import home_in_buckets
from tests.ingest.home import Home
from tests.ingest.test_attacks import (
    test_a_copy_under_another_prefix_does_not_cost_the_original_its_receipt,
    test_a_copy_under_another_prefix_is_quarantined_and_the_original_unharmed,
    test_a_key_swapped_during_a_run_keeps_the_recordings_where_they_are,
    test_a_moved_object_is_quarantined_under_its_reason,
    test_another_contributors_key_is_not_taken_for_this_ones,
    test_features_damaged_after_the_put_do_not_cost_the_recording,
    test_features_sealed_by_somebody_else_are_replaced,
    test_garbage_under_a_feature_objects_name_is_replaced,
    test_genuine_features_of_another_recording_are_replaced,
    test_nothing_is_sealed_to_a_key_that_no_worker_made,
)
from tests.ingest.test_edge_cases import (
    test_a_recording_that_cannot_become_features_is_quarantined,
    test_an_empty_batch_does_nothing,
    test_an_object_taken_back_before_it_is_read_is_gone,
    test_an_oversized_object_is_reported_and_never_read,
    test_batch_bytes_bound_what_is_held_and_change_nothing_else,
)
from tests.ingest.test_feature_sets import (
    test_a_name_taken_in_one_set_moves_the_recording_apart_in_all,
    test_a_recording_becomes_one_object_of_each_feature_set,
)
from tests.ingest.test_races import (
    test_a_recording_disposed_of_since_it_was_read_is_not_accepted_again,
    test_a_restored_backup_is_disposed_of_once_more,
    test_a_slow_run_changes_nothing_after_a_fast_one,
    test_another_recording_under_a_name_becomes_a_sample_of_its_own,
    test_the_same_recording_sent_again_adopts_the_features_there_are,
    test_two_first_sights_of_a_contributor_make_one_key_that_counts,
)
from tests.ingest.test_twins import (
    test_a_quarantined_twin_does_not_cost_the_original_its_receipt,
    test_a_stale_quarantine_record_accepts_nothing_that_is_gone,
    test_quarantined_by_another_run_then_a_crash_after_destroying,
    test_the_same_object_restored_again_and_again,
    test_twins_add_up_at_every_moment,
    test_two_workers_with_a_twin_each,
)
from tests.servers.seaweed import Seaweed

pytestmark = [pytest.mark.server, pytest.mark.slow]

# Theirs, collected here as well.
__all__ = [
    "test_a_copy_under_another_prefix_does_not_cost_the_original_its_receipt",
    "test_a_copy_under_another_prefix_is_quarantined_and_the_original_unharmed",
    "test_a_key_swapped_during_a_run_keeps_the_recordings_where_they_are",
    "test_a_moved_object_is_quarantined_under_its_reason",
    "test_a_name_taken_in_one_set_moves_the_recording_apart_in_all",
    "test_a_quarantined_twin_does_not_cost_the_original_its_receipt",
    "test_a_recording_becomes_one_object_of_each_feature_set",
    "test_a_recording_disposed_of_since_it_was_read_is_not_accepted_again",
    "test_a_recording_that_cannot_become_features_is_quarantined",
    "test_a_restored_backup_is_disposed_of_once_more",
    "test_a_slow_run_changes_nothing_after_a_fast_one",
    "test_a_stale_quarantine_record_accepts_nothing_that_is_gone",
    "test_an_empty_batch_does_nothing",
    "test_an_object_taken_back_before_it_is_read_is_gone",
    "test_an_oversized_object_is_reported_and_never_read",
    "test_another_contributors_key_is_not_taken_for_this_ones",
    "test_another_recording_under_a_name_becomes_a_sample_of_its_own",
    "test_batch_bytes_bound_what_is_held_and_change_nothing_else",
    "test_features_damaged_after_the_put_do_not_cost_the_recording",
    "test_features_sealed_by_somebody_else_are_replaced",
    "test_garbage_under_a_feature_objects_name_is_replaced",
    "test_genuine_features_of_another_recording_are_replaced",
    "test_nothing_is_sealed_to_a_key_that_no_worker_made",
    "test_quarantined_by_another_run_then_a_crash_after_destroying",
    "test_the_same_object_restored_again_and_again",
    "test_the_same_recording_sent_again_adopts_the_features_there_are",
    "test_twins_add_up_at_every_moment",
    "test_two_first_sights_of_a_contributor_make_one_key_that_counts",
    "test_two_workers_with_a_twin_each",
]


class Deployments:
    """Makes deployments in buckets for tests that make theirs in memory."""

    def __init__(self, server: Seaweed, bucket: str, folder: Path) -> None:
        self._server, self._bucket, self._folder = server, bucket, folder
        self._numbers = itertools.count()

    def in_memory(self, *, versioned: bool) -> Home:
        """Not in memory: that is the point."""
        assert versioned
        own = secrets.token_hex(4)
        return home_in_buckets(
            self._folder / f"home-{next(self._numbers)}",
            lambda name: self._server.store_url(self._bucket, f"{own}/{name}"),
        )


@pytest.fixture(scope="module")
def bucket(s3_server: Seaweed) -> str:
    """A versioned bucket; each deployment has a prefix of its own in it."""
    return s3_server.bucket(versioned=True)


@pytest.fixture
def deployed(s3_server: Seaweed, bucket: str, tmp_path: Path) -> Deployments:
    """What makes the deployments of a test that wants several."""
    return Deployments(s3_server, bucket, tmp_path)


@pytest.fixture
def home(deployed: Deployments) -> Home:
    """A new deployment with nothing in it."""
    return deployed.in_memory(versioned=True)
