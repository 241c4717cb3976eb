"""Erasure of one contributor: the key first, then every byte, and a certificate of both."""

from unvoiced.erasure.inventory import Inventory, take_inventory
from unvoiced.erasure.record import Erasure, Erasures, Stage
from unvoiced.erasure.run import (
    Outcome,
    carry_out,
    find_request,
    go_on,
    lift,
    pending,
    reapply,
    request,
    requests,
)

__all__ = [
    "Erasure",
    "Erasures",
    "Inventory",
    "Outcome",
    "Stage",
    "carry_out",
    "find_request",
    "go_on",
    "lift",
    "pending",
    "reapply",
    "request",
    "requests",
    "take_inventory",
]
