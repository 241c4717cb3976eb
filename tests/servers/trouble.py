"""A proxy in front of a test's S3 server that a test can tell to get in the way.

It passes a request on with the Host header it came with, so the server sees what the client signed.
Where a header is taken out the request is signed anew, as the client signs every header. Bodies are
read whole. Rules are tried in the order they were made; the first that fits a request is used up by
one, and the request goes through untouched where none fits.
"""

import contextlib
import http.client
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.servers.seaweed import REGION, Seaweed

_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "expect"})
_STALL_AT_MOST = 60.0


@dataclass(frozen=True)
class Answer:
    """What the server said, or what is to be said in its place."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class HangUp(Exception):
    """Close the connection and say nothing more; `first` is sent before."""

    def __init__(self, first: bytes = b"") -> None:
        super().__init__()
        self.first = first


Forward = Callable[[], Answer]
Act = Callable[[Forward], Answer]


def refuse(status: int, code: str, message: str = "hunter2 says no") -> Act:
    """Answer with an S3 error and do not ask the server."""
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f"<Error><Code>{code}</Code><Message>{message}</Message><RequestId>1</RequestId></Error>"
    )
    return say(status, text.encode(), "application/xml")


def say(status: int, body: bytes, media_type: str = "text/html") -> Act:
    """Answer with anything at all and do not ask the server."""
    return lambda _: Answer(status, (("Content-Type", media_type),), body)


def hang_up_before(_: Forward) -> Answer:
    """Close the connection; the server never hears of the request."""
    raise HangUp


def hang_up_after(forward: Forward) -> Answer:
    """Have the server do it, and lose its answer."""
    forward()
    raise HangUp


def break_off(forward: Forward) -> Answer:
    """Send the answer's headers and half of its body."""
    answer = forward()
    raise HangUp(_head(answer, len(answer.body)) + answer.body[: len(answer.body) // 2])


def flip_a_byte(forward: Forward) -> Answer:
    """Damage the last byte of the answer's body; headers stay as they are."""
    answer = forward()
    return Answer(answer.status, answer.headers, answer.body[:-1] + bytes([answer.body[-1] ^ 1]))


@dataclass
class Rule:
    """What happens to some requests: those that fit, after `skip` of them, `times` of them."""

    act: Act
    method: str | None = None
    part: str = ""
    skip: int = 0
    times: float = 1
    used: int = 0


@dataclass(frozen=True)
class Seen:
    """A request as it came in: over which connection, and when."""

    method: str
    path: str
    connection: int
    time: float


@dataclass
class Trouble:
    """A running proxy, and what a test may ask of it and learn from it."""

    server: Seaweed
    endpoint: str = ""
    connections: int = 0
    seen: list[Seen] = field(default_factory=list)
    stripped: set[str] = field(default_factory=set)
    rules: list[Rule] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    closing: threading.Event = field(default_factory=threading.Event)

    def next(
        self,
        act: Act,
        *,
        times: float = 1,
        method: str | None = None,
        part: str = "",
        skip: int = 0,
    ) -> None:
        """Have the next `times` requests that fit meet this, after letting `skip` of them pass."""
        with self.lock:
            self.rules.append(Rule(act, method, part, skip, times))

    def always(self, act: Act, *, method: str | None = None, part: str = "", skip: int = 0) -> None:
        """Have every request that fits meet this from now on, or from the skip-th on."""
        self.next(act, times=float("inf"), method=method, part=part, skip=skip)

    def hide(self, *headers: str) -> None:
        """From now on the server does not see these headers: one that does not know them."""
        self.stripped |= {header.lower() for header in headers}

    def behave(self) -> None:
        """Get out of the way, and forget what was seen."""
        with self.lock:
            self.rules.clear()
            self.stripped.clear()
            self.seen.clear()

    def stall(self, _: Forward) -> Answer:
        """Never answer; the connection stays open until the proxy goes."""
        self.closing.wait(_STALL_AT_MOST)
        raise HangUp

    def store_url(self, bucket: str, prefix: str = "") -> str:
        """What `open_store` takes to reach the bucket through here."""
        return f"s3://{bucket}/{prefix}?endpoint={self.endpoint}&region={REGION}"

    def act_on(self, seen: Seen) -> Act | None:
        """What the rules have for this request."""
        with self.lock:
            self.seen.append(seen)
            for rule in self.rules:
                fits = rule.method in {None, seen.method} and rule.part in seen.path
                if not fits or rule.used >= rule.skip + rule.times:
                    continue
                rule.used += 1
                return rule.act if rule.used > rule.skip else None
        return None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    trouble: Trouble

    def setup(self) -> None:
        super().setup()
        with self.trouble.lock:
            self.trouble.connections += 1
            self.number = self.trouble.connections
        host, _, port = self.trouble.server.endpoint.removeprefix("http://").partition(":")
        self.upstream = http.client.HTTPConnection(host, int(port), timeout=_STALL_AT_MOST)

    def finish(self) -> None:
        self.upstream.close()
        with contextlib.suppress(OSError):
            super().finish()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        act = self.trouble.act_on(Seen(self.command, self.path, self.number, time.monotonic()))
        try:
            answer = act(lambda: self._forward(body)) if act else self._forward(body)
        except HangUp as last:
            self.wfile.write(last.first)
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            return
        # A HEAD is answered with the length that a GET would have.
        told = {name.lower(): value for name, value in answer.headers}.get("content-length")
        length = int(told or 0) if self.command == "HEAD" else len(answer.body)
        self.wfile.write(_head(answer, length) + (b"" if self.command == "HEAD" else answer.body))

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = _pass_on  # noqa: N815

    def _forward(self, body: bytes) -> Answer:
        stripped = self.trouble.stripped
        headers = {
            name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP
        }
        if stripped & {name.lower() for name in headers}:
            headers = self._signed_anew(
                {name: v for name, v in headers.items() if name.lower() not in stripped}, body
            )
        self.upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            self.upstream.putheader(name, value)
        self.upstream.endheaders(body or None)
        answer = self.upstream.getresponse()
        return Answer(answer.status, tuple(answer.getheaders()), answer.read())

    def _signed_anew(self, headers: dict[str, str], body: bytes) -> dict[str, str]:
        kept = {name: v for name, v in headers.items() if name.lower() != "authorization"}
        request = AWSRequest(
            self.command, f"http://{self.headers['Host']}{self.path}", headers=kept, data=body
        )
        server = self.trouble.server
        credentials = Credentials(server.access_key, server.secret_key)
        S3SigV4Auth(credentials, "s3", REGION).add_auth(request)
        return dict(request.headers.items())


def _head(answer: Answer, length: int) -> bytes:
    lines = [f"HTTP/1.1 {answer.status} {http.client.responses.get(answer.status, 'Said')}"]
    lines += [
        f"{name}: {value}"
        for name, value in answer.headers
        if name.lower() not in _HOP_BY_HOP | {"content-length"}
    ]
    return "\r\n".join([*lines, f"Content-Length: {length}", "", ""]).encode("latin-1")


class _Proxy(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news."""


@contextlib.contextmanager
def in_front_of(server: Seaweed) -> Iterator[Trouble]:
    """Start a proxy on a free port; gone on the way out, stalled requests and all."""
    trouble = Trouble(server)
    handler = type("_HandlerOfThis", (_Handler,), {"trouble": trouble})
    with _Proxy(("127.0.0.1", 0), handler) as proxy:
        trouble.endpoint = f"http://127.0.0.1:{proxy.server_address[1]}"
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield trouble
        finally:
            trouble.closing.set()
            proxy.shutdown()
            thread.join()
