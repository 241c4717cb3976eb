"""Erasure of one contributor: the key first, then every byte, and a certificate of both."""

from unvoiced.erasure.approval import (
    Preview,
    approve,
    ask,
    awaiting,
    code,
    preview,
    stage_of,
    withdraw,
)
from unvoiced.erasure.inventory import Inventory, take_inventory
from unvoiced.erasure.record import Approval, Erasure, Erasures, Stage
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
    "Approval",
    "Erasure",
    "Erasures",
    "Inventory",
    "Outcome",
    "Preview",
    "Stage",
    "approve",
    "ask",
    "awaiting",
    "carry_out",
    "code",
    "find_request",
    "go_on",
    "lift",
    "pending",
    "preview",
    "reapply",
    "request",
    "requests",
    "stage_of",
    "take_inventory",
    "withdraw",
]
