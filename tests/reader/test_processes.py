"""Views in other processes: forked, spawned, interrupted, ended; no key travels."""

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest

from tests.ingest.home import Home
from tests.ingest.hooked_store import HookedStore
from tests.reader.readings import SAMPLES, opened
from unvoiced.audit.record import READS, parse_record
from unvoiced.errors import InputError
from unvoiced.reader.view import View


def runs(home: Home) -> dict[str, set[str]]:
    """What the trail says was read, by session."""
    found: dict[str, set[str]] = {}
    audit = home.store("audit")
    for entry in audit.list(READS):
        record = parse_record(audit.get(entry.name).data)
        found.setdefault(record.run, set()).update(record.objects)
    return found


def in_a_child(act: Callable[[], object]) -> None:
    """Do something in a forked process, which has half a minute; fails where it fails."""
    pid = os.fork()
    if not pid:
        status = 1
        try:
            signal.alarm(30)
            act()
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@pytest.mark.inv("INV-8")
def test_a_forked_process_reads_with_a_session_of_its_own(on_disk: Home) -> None:
    """As workers of a DataLoader do: its reads are in the trail under another session."""
    with opened(on_disk, run="experiment") as features:
        parent = iter(features.shuffle(1))
        next(parent)

        def child() -> None:
            assert len(list(features.shard(0, 2))) == len(features.shard(0, 2))
            assert features.report.read == len(features.shard(0, 2))
            with pytest.raises(InputError, match="begun in another process"):
                next(parent)
            assert features[0].name == features.names[0]

        in_a_child(child)
        assert len(list(parent)) == SAMPLES - 1
        assert features.report.read == SAMPLES
    found = runs(on_disk)
    assert len(found) == 2
    assert all(run.startswith("experiment-") for run in found)


def test_a_fork_in_the_midst_of_a_read_hinders_nobody(on_disk: Home) -> None:
    """Another thread holds the session's lock, which in the child nobody will ever release."""
    inside, go_on = threading.Event(), threading.Event()

    def slow(operation: str, name: str, go: Callable[[], Any]) -> Any:
        if operation == "get" and name.startswith("features/") and os.getpid() == parent:
            inside.set()
            go_on.wait(30)
        return go()

    parent = os.getpid()
    home = on_disk.on(training=HookedStore(on_disk.store("training"), slow))
    with opened(home) as features:
        iteration = iter(features)
        thread = threading.Thread(target=lambda: next(iteration))
        thread.start()
        assert inside.wait(30)
        in_a_child(lambda: list(features) and features.close())
        go_on.set()
        thread.join(30)
        assert len(list(iteration)) == SAMPLES - 1


def test_a_pickle_holds_no_key_and_little_else(on_disk: Home) -> None:
    """Settings, names and sizes; in this process it is the same session, elsewhere another."""
    secrets = [
        on_disk.settings.vault("dataset").get("dataset/dataset"),
        on_disk.settings.folder.joinpath("keys/dataset.kek").read_bytes(),
    ]
    with opened(on_disk, labels=None) as features:
        view = features.shuffle(3).shard(1, 2)
        before = [sample.name for sample in islice(view, 3)]
        view.load_state_dict(view.state_dict())
        sent = pickle.dumps(view)
        assert not any(secret in sent or secret[:16] in sent for secret in secrets)
        assert len(sent) < 20_000
        arrived: View = pickle.loads(sent)  # noqa: S301 - made above
        assert before + [one.name for one in arrived] == [one.name for one in view.epoch(0)]
        assert arrived.report == features.report
        code = (
            "import pickle, sys\n"
            "view = pickle.load(sys.stdin.buffer)\n"
            "print(len(list(view)), view.report.read)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], input=sent, capture_output=True, check=True
        )
        rest = len(view) - 3
        assert done.stdout.decode().split() == [str(rest), str(rest)]
    assert len(runs(on_disk)) == 2
    with pytest.raises(InputError, match="closed"):
        list(arrived)


SCRIPT = """
import sys, time, unvoiced
features = unvoiced.open(sys.argv[1], purpose="training", prefetch_bytes=20_000)
{body}
"""


def started(home: Home, body: str) -> subprocess.Popen[str]:
    """A script that has said that it is under way."""
    child = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(body=body), str(home.settings.folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


@pytest.mark.parametrize("waiting", ["in the loop", "for a sample"])
def test_control_c_ends_a_loop_at_once(on_disk: Home, waiting: str) -> None:
    """Whether it is computing or waiting for what is read ahead."""
    loop = "for nth, _ in enumerate(features):\n    print('ready', flush=True)\n    time.sleep(60)"
    stuck = (
        "get = features._access.session()._opener._get\n"
        "def slow(name):\n"
        "    if name.startswith('features/'):\n"
        "        print('ready', flush=True); time.sleep(60)\n"
        "    return get(name)\n"
        "features._access.session()._opener._get = slow\n"
        "list(features)"
    )
    child = started(on_disk, loop if waiting == "in the loop" else stuck)
    time.sleep(0.1)
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=10)
    assert "KeyboardInterrupt" in errors
    assert child.returncode in {1, -signal.SIGINT}


def test_a_program_ends_though_an_iteration_does_not(on_disk: Home) -> None:
    """A thread that has not come to its end keeps nobody waiting."""
    child = started(on_disk, "kept = iter(features)\nnext(kept)\nprint('ready', flush=True)")
    _, errors = child.communicate(timeout=10)
    assert (child.returncode, errors) == (0, "")
