"""Records as events of the Open Cybersecurity Schema Framework, for whoever collects events. Pure.

Each record is one event of class 6005, Datastore Activity, activity 1, Read, of OCSF 1.5.0
(schema.ocsf.io/1.5.0/classes/datastore_activity). What the schema has no attribute for stands under
`unmapped`: the purpose, and the digests of what was read.
"""

from datetime import datetime
from typing import Any

from unvoiced import __version__
from unvoiced.audit.record import AccessRecord

VERSION = "1.5.0"
_CLASS, _CATEGORY, _READ = 6005, 6, 1
_INFORMATIONAL = 1
_DATABUCKET = 2
_S3, _OTHER = 1, 99
_USER, _UNKNOWN_USER = 1, 0


def event(record: AccessRecord, sha256: str, training_url: str) -> dict[str, Any]:
    """One record, of which `sha256` is the digest, as an event about the training store."""
    contributors = len(record.contributors)
    objects = record.objects
    return {
        "activity_id": _READ,
        "activity_name": "Read",
        "actor": {"session": {"uid": record.run}, "user": _user(record.requester)},
        "category_name": "Application Activity",
        "category_uid": _CATEGORY,
        "class_name": "Datastore Activity",
        "class_uid": _CLASS,
        "databucket": _databucket(training_url),
        "message": f"{len(objects)} feature object(s) of {contributors} contributor(s), "
        f"for {record.purpose}",
        "metadata": {
            "log_name": "audit trail",
            "original_time": record.time,
            "product": {"name": "unvoiced", "vendor_name": "unvoiced", "version": __version__},
            "sequence": record.sequence,
            "uid": sha256,
            "version": VERSION,
        },
        "severity": "Informational",
        "severity_id": _INFORMATIONAL,
        "src_endpoint": {"hostname": record.source.rpartition("@")[2]},
        "time": milliseconds(record.moment),
        "type": "Databucket",
        "type_id": _DATABUCKET,
        "type_name": "Datastore Activity: Read",
        "type_uid": _CLASS * 100 + _READ,
        "unmapped": {
            "contributors": sorted(record.contributors),
            "objects": sorted(objects),
            "purpose": record.purpose,
            "sealed_bytes": record.size,
            "source": record.source,
        },
    }


def milliseconds(moment: datetime) -> int:
    """OCSF's time: milliseconds since 1970."""
    return round(moment.timestamp() * 1000)


def _user(requester: str) -> dict[str, Any]:
    if requester.startswith("os-user:"):
        name = requester.removeprefix("os-user:")
        return {"name": name.rpartition(":")[0] or name, "type_id": _USER, "uid": requester}
    if requester.startswith("arn:"):
        return {"name": requester.rpartition("/")[2], "type_id": _UNKNOWN_USER, "uid": requester}
    return {"type_id": _UNKNOWN_USER, "uid": requester}


def _databucket(url: str) -> dict[str, Any]:
    scheme, _, rest = url.partition("://")
    if scheme == "s3":
        name, kind = rest.partition("?")[0].partition("/")[0], _S3
        return {"name": name, "type": "S3", "type_id": kind, "uid": url.partition("?")[0]}
    return {"name": rest, "type": "Other", "type_id": _OTHER, "uid": url}
