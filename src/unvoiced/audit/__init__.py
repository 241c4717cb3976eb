"""The audit trail: who read which features, why, when and from where.

INV-8 a record is durable before the first byte of what it speaks of is opened; if it cannot be
written, nothing is read. The requester comes from credentials or the operating system, not from an
argument.
"""

from unvoiced.audit.record import AccessRecord, Purpose, Read
from unvoiced.audit.trail import AuditTrail

__all__ = ["AccessRecord", "AuditTrail", "Purpose", "Read"]
