"""What detectors look at: one read of one object, whichever log it was seen in. No I/O."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Origin(StrEnum):
    """Where a read was seen."""

    TRAIL = "audit trail"  # our own records
    CLOUDTRAIL = "CloudTrail"  # S3 data events
    ACCESS_LOG = "S3 access log"  # server access logs
    # Where from, of all that the provider's logs show: what the trail has of it its writer chose.
    ADDRESSES = "addresses"


@dataclass(frozen=True, slots=True)
class AccessEvent:
    """One feature object, read by somebody."""

    origin: Origin
    moment: datetime  # as its origin has it
    requester: str  # an ARN, `access-key:...` or `os-user:...`; the same in all origins
    source: str  # of the trail, user@host; of the others, an IP address
    object: str  # `audit.record.name_tag` of its name
    contributor: str  # alike for reads of one contributor's, within one origin; "" unknown
    size: int  # bytes sent, or of the sealed object
    purpose: str = ""  # the trail's alone
    run: str = ""  # the trail's session, or the provider's request id
