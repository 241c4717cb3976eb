"""Alerts by an SNS topic of a real server: what arrives, and what happens where it does not."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.servers import ministack
from tests.servers.ministack import ACCOUNT, REGION, Ministack, allow
from tests.watch.lookout import ANNA, START, Lookout, feature, get_event
from unvoiced.aws.sns import Topic
from unvoiced.errors import AccessError, InputError
from unvoiced.sections import WatchSettings
from unvoiced.watch import tell
from unvoiced.watch.event import Origin
from unvoiced.watch.watcher import Watcher

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def aws() -> Iterator[Ministack]:
    """A running ministack."""
    with ministack.running() as server:
        yield server


@pytest.fixture
def topic(aws: Ministack) -> tuple[str, str]:
    """A topic, and the url of a queue that is subscribed to it."""
    name = ministack.new_name("alerts")
    arn = str(aws.client("sns").create_topic(Name=name)["TopicArn"])
    endpoint = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": endpoint,
        "Condition": {"ArnEquals": {"aws:SourceArn": arn}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    made = aws.client("sqs").create_queue(QueueName=name, Attributes={"Policy": policy})
    queue = str(made["QueueUrl"])
    aws.client("sns").subscribe(TopicArn=arn, Protocol="sqs", Endpoint=endpoint)
    return arn, queue


def arrived(aws: Ministack, queue: str) -> list[dict[str, Any]]:
    """What stands in the queue, as SNS wraps it."""
    found: list[dict[str, Any]] = []
    while True:
        answer = aws.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
        messages = answer.get("Messages", [])
        if not messages:
            return found
        for message in messages:
            found.append(json.loads(message["Body"]))
            aws.client("sqs").delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])


def watched(folder: Path, arn: str) -> tuple[Lookout, Watcher]:
    """A theft that was found, and nobody was told of yet."""
    home = Lookout.create(folder, Origin.CLOUDTRAIL)
    home.deliver([get_event(feature(one), START) for one in range(30)], START)
    home.at(minutes=15)
    home.look()
    watcher = home.watcher()
    settings = replace(watcher.settings, watch=WatchSettings(topic=arn))
    return home, replace(watcher, settings=settings)


def test_a_message_says_who_how_much_when_and_what_to_do(
    aws: Ministack, topic: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It arrives once, can be filtered by, and names no object."""
    aws.sign_in(monkeypatch)
    arn, queue = topic
    home, watcher = watched(tmp_path / "home", arn)
    home.told(watcher)
    messages = arrived(aws, queue)
    (wrapped,) = [one for one in messages if "unrecorded" in one["Subject"]]
    said = json.loads(wrapped["Message"])
    assert (said["kind"], said["level"], said["requester"]) == (
        "unrecorded reads",
        "critical",
        ANNA,
    )
    assert said["numbers"]["objects"] == 30
    assert said["start"] == START.isoformat()
    assert "take these credentials away" in said["to do"]
    assert wrapped["Subject"] == "unvoiced: critical: unrecorded reads"
    assert wrapped["MessageAttributes"]["level"]["Value"] == "critical"
    text = json.dumps(messages)
    assert all(part not in text for part in feature(7).split("/")[1:])
    home.told(watcher)
    assert arrived(aws, queue) == []


def test_a_topic_that_refuses_leaves_it_to_the_next_run(
    aws: Ministack, topic: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the right to publish nothing counts as told; with it, all of it is."""
    arn, queue = topic
    home, watcher = watched(tmp_path / "home", arn)
    aws.sign_in(monkeypatch, aws.role(ministack.new_name("nobody"), allow("s3:GetObject")))
    waiting = tell.untold(watcher)
    with pytest.raises(AccessError, match="the topic did not take a message"):
        tell.tell(watcher, waiting)
    assert tell.untold(watcher) == waiting
    role = aws.role(ministack.new_name("watcher"), allow("sns:Publish", resource=arn))
    aws.sign_in(monkeypatch, role)
    home.told(watcher)
    assert len(arrived(aws, queue)) == len(waiting)
    assert tell.untold(watcher) == {}


def test_a_topic_that_is_not_there_or_does_not_answer(
    aws: Ministack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Said in a word, without the server's own text."""
    aws.sign_in(monkeypatch)
    with pytest.raises(AccessError, match="NotFound"):
        Topic(f"arn:aws:sns:{REGION}:{ACCOUNT}:none").publish("x", "y", {})
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    silent = Topic(f"arn:aws:sns:{REGION}:{ACCOUNT}:none", "http://127.0.0.1:9")
    with pytest.raises(AccessError, match="does not answer"):
        silent.publish("x", "y", {})
    assert silent.silent


@pytest.mark.parametrize("arn", ["", "alerts", "arn:aws:sqs:us-east-1:000000000000:x"])
def test_what_is_no_topic_is_refused(arn: str) -> None:
    """Before anything is sent."""
    with pytest.raises(InputError):
        Topic(arn)


def test_alerts_cross_no_network_unencrypted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who reads what is nobody else's business."""
    ministack.sign_out(monkeypatch)
    with pytest.raises(InputError, match="https"):
        Topic(f"arn:aws:sns:{REGION}:{ACCOUNT}:x", "http://example.org")
