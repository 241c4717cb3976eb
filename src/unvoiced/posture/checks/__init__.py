"""All checks, by subject; importing this registers every one of them."""

from unvoiced.posture.checks import (
    alarms,
    bucket_policies,
    buckets,
    copies_and_locks,
    deployment,
    identities,
    keys,
    lifecycle,
    reviews,
    trails,
)
from unvoiced.posture.finding import CHECKS

__all__ = [
    "CHECKS",
    "alarms",
    "bucket_policies",
    "buckets",
    "copies_and_locks",
    "deployment",
    "identities",
    "keys",
    "lifecycle",
    "reviews",
    "trails",
]
