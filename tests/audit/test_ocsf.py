"""Events of OCSF: what version 1.5.0 requires of class 6005, and what a record says, and no more.

The requirements are written out here from the schema, published at schema.ocsf.io/1.5.0. Once, the
events were validated against the whole of that schema too (docs/audit.md says how).
"""

import json
from typing import Any

import pytest

from tests.audit.watched import Watched, reads
from unvoiced import __version__
from unvoiced.audit import AccessRecord, Purpose
from unvoiced.audit.ocsf import event
from unvoiced.audit.record import name_tag

# Attribute -> its type, and the values it may have; of the class, its base, and the objects used.
REQUIRED: dict[str, tuple[type, frozenset[int] | None]] = {
    "activity_id": (int, frozenset(range(11)) | {99}),
    "actor": (dict, None),
    "category_uid": (int, frozenset({6})),
    "class_uid": (int, frozenset({6005})),
    "metadata": (dict, None),
    "metadata.product": (dict, None),
    "metadata.version": (str, None),
    "severity_id": (int, frozenset(range(7)) | {99}),
    "src_endpoint": (dict, None),
    "time": (int, None),
    "type_uid": (int, frozenset(600500 + each for each in (*range(11), 99))),
    "databucket.type_id": (int, frozenset({0, 1, 2, 3, 99})),
}
AT_LEAST_ONE = {
    "": {"database", "databucket", "table"},
    "actor": {"process", "user", "invoked_by", "session", "app_name", "app_uid"},
    "actor.user": {"account", "name", "uid"},
    "databucket": {"name", "uid"},
    "metadata.product": {"name", "uid"},
    "src_endpoint": {"ip", "uid", "name", "hostname", "svc_name", "instance_uid", "domain"},
}
# All attributes of the class, and of the objects, that events here may use.
KNOWN = {
    "": {
        *("activity_id", "activity_name", "actor", "category_name", "category_uid", "class_name"),
        *("class_uid", "databucket", "message", "metadata", "severity", "severity_id"),
        *("src_endpoint", "time", "type", "type_id", "type_name", "type_uid", "unmapped"),
    },
    "actor": {"session", "user"},
    "actor.session": {"uid"},
    "actor.user": {"name", "type_id", "uid"},
    "databucket": {"name", "type", "type_id", "uid"},
    "metadata": {"log_name", "original_time", "product", "sequence", "uid", "version"},
    "metadata.product": {"name", "vendor_name", "version"},
    "src_endpoint": {"hostname"},
}
URLS = ("s3://training-bucket/prefix?endpoint=https://s3.example", "file:///srv/training")


@pytest.fixture
def record() -> AccessRecord:
    """One of two objects."""
    return Watched.new().session().record(reads(2), Purpose.TRAINING)


def at(found: dict[str, Any], path: str) -> Any:
    """The value at a dotted path."""
    value: Any = found
    for part in filter(None, path.split(".")):
        value = value[part]
    return value


@pytest.mark.parametrize("url", URLS)
def test_every_event_has_what_the_schema_requires(record: AccessRecord, url: str) -> None:
    """All required attributes with their types and values, and no attribute it does not know."""
    found = json.loads(json.dumps(event(record, "ab" * 32, url)))
    for path, (kind, values) in REQUIRED.items():
        value = at(found, path)
        assert type(value) is kind, path
        assert values is None or value in values, path
    for path, names in AT_LEAST_ONE.items():
        assert names & at(found, path).keys(), path
    for path, names in KNOWN.items():
        assert at(found, path).keys() <= names, path
    assert found["type_uid"] == found["class_uid"] * 100 + found["activity_id"]


def test_an_event_says_what_the_record_says(record: AccessRecord) -> None:
    """Who, when in milliseconds, from where, why, which objects; its id is the record's digest."""
    found = event(record, "ab" * 32, URLS[0])
    assert found["actor"]["user"]["uid"] == record.requester
    assert found["actor"]["session"]["uid"] == record.run
    assert found["time"] == round(record.moment.timestamp() * 1000)
    assert found["metadata"]["original_time"] == record.time
    assert found["metadata"]["uid"] == "ab" * 32
    assert found["metadata"]["product"]["version"] == __version__
    assert found["unmapped"]["objects"] == sorted(record.objects)
    assert found["unmapped"]["purpose"] == "training"
    assert f"@{found['src_endpoint']['hostname']}" in record.source
    assert found["databucket"] == {
        "name": "training-bucket",
        "type": "S3",
        "type_id": 1,
        "uid": "s3://training-bucket/prefix",
    }


@pytest.mark.parametrize(
    ("requester", "name"),
    [
        ("os-user:anna:1000", "anna"),
        ("os-user:1000", "1000"),
        ("arn:aws:sts::1:assumed-role/scientist/anna", "anna"),
        ("arn:aws:iam::1:root", "arn:aws:iam::1:root"),
        ("access-key:AKIA", None),
    ],
)
def test_a_user_has_a_name_where_the_requester_has_one(
    record: AccessRecord, requester: str, name: str | None
) -> None:
    """The whole of what is known stands in `uid`."""
    fields = {**record.__dict__, "requester": requester}
    user = event(AccessRecord(**fields), "ab" * 32, URLS[0])["actor"]["user"]
    assert (user.get("name"), user["uid"]) == (name, requester)


def test_no_event_names_an_object(record: AccessRecord) -> None:
    """Names hold pseudonyms; not even their tags go out."""
    text = json.dumps(event(record, "ab" * 32, URLS[0]))
    assert "a" * 26 not in text
    assert name_tag(reads(1)[0].name) not in text
