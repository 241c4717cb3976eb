"""What goes wrong with a bucket is said in one line that tells what to check, and nothing more."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from botocore.exceptions import UnauthorizedSSOTokenError

from tests.servers import trouble
from tests.servers.seaweed import Seaweed
from tests.servers.trouble import Trouble
from unvoiced.errors import CredentialsExpired, NotAllowed, NotFound, StoreError, StoreRefused
from unvoiced.stores import open_store
from unvoiced.stores.s3 import S3Store
from unvoiced.stores.s3_errors import refusals
from unvoiced.stores.s3_url import s3_client

# Another try changes nothing about these: a run is not to wait for them.
FOR_GOOD = {
    "AccessDenied",
    "InvalidAccessKeyId",
    "InvalidToken",
    "NoSuchBucket",
    "SignatureDoesNotMatch",
}
server = pytest.mark.server
SECRET = "hunter2"  # noqa: S105  (stands in for what a server's free text may repeat)

Ask = Callable[[S3Store], object]
QUESTIONS: dict[str, Ask] = {
    "put": lambda store: store.put_if_absent("p/one", b"1"),
    "get": lambda store: store.get("p/one"),
    "head": lambda store: store.head("p/one"),
    "replace": lambda store: store.replace("p/one", b"2", version="v"),
    "list": lambda store: list(store.list()),
    "versions": lambda store: list(store.versions()),
    "delete": lambda store: store.delete("p/one", "etag:x"),
    "delete-version": lambda store: store.delete("p/one", "v"),
    "check": lambda store: store.check_conditions(),
}

# Code, status, and a word of what is to be checked.
EXPIRED = [
    ("ExpiredToken", 400),
    ("ExpiredTokenException", 403),
    ("TokenRefreshRequired", 400),
    ("RequestExpired", 403),
]
SAID = [
    ("AccessDenied", 403, "these credentials may not do this"),
    ("AuthorizationHeaderMalformed", 400, "in another region"),
    ("PermanentRedirect", 301, "in another region"),
    ("IllegalLocationConstraintException", 400, "in another region"),
    ("RequestTimeTooSkewed", 403, "the clock"),
    ("NoSuchBucket", 404, "check the name"),
    ("InvalidAccessKeyId", 403, "does not know this access key"),
    ("SignatureDoesNotMatch", 403, "the secret key is not"),
    ("InvalidToken", 400, "the session token is not accepted"),
    ("InvalidObjectState", 403, "restore it first"),
    ("SlowDown", 503, "run the same command again later"),
    ("InternalError", 500, "run the same command again later"),
    ("KMS.DisabledException", 400, "the key that the bucket is encrypted with"),
    ("NotImplemented", 501, "lacks this part of S3"),
    ("QuotaExceeded", 409, "no room left"),
]


def impatient(endpoint: str, bucket: str, *, attempts: int = 1) -> S3Store:
    """A store whose client takes the first answer."""
    client = s3_client(endpoint, "us-east-1", connect_timeout=2, read_timeout=2, attempts=attempts)
    return S3Store(bucket, client=client)


def said_by(store: S3Store, ask: Ask) -> StoreError:
    """The error that this question gets; one line, no cause, and nothing of the server's text."""
    with pytest.raises(StoreError) as caught:
        ask(store)
    assert "\n" not in str(caught.value)
    assert SECRET not in caught.value.diagnostics()
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return caught.value


@server
@pytest.mark.parametrize(("code", "status", "check"), SAID, ids=[code for code, *_ in SAID])
def test_a_refusal_says_its_code_and_what_to_check(
    s3_trouble: Trouble, code: str, status: int, check: str
) -> None:
    """Whatever was asked, HEAD included, whose answer has no room for a code."""
    store = impatient(s3_trouble.endpoint, "bucket")
    s3_trouble.always(trouble.refuse(status, code))
    for question, ask in QUESTIONS.items():
        said = said_by(store, ask)
        assert f": the store answered {code}: " in str(said), question
        assert check in str(said), question
        # Of the store's errors, only those that say who has to change something.
        assert type(said) in {StoreError, StoreRefused, NotAllowed}, question
        assert isinstance(said, StoreRefused) is (code in FOR_GOOD), question


@server
@pytest.mark.parametrize(("code", "status"), EXPIRED)
def test_credentials_that_ran_out_are_an_error_of_their_own(
    s3_trouble: Trouble, code: str, status: int
) -> None:
    """Exit code 3, and the remedy: new credentials, the same command, nothing is lost."""
    store = impatient(s3_trouble.endpoint, "bucket")
    s3_trouble.always(trouble.refuse(status, code))
    for question, ask in QUESTIONS.items():
        said = said_by(store, ask)
        assert type(said) is CredentialsExpired, question
        assert (said.exit_code, code in str(said)) == (3, True)
        assert "run the same command again; nothing is lost" in said.diagnostics()


@server
def test_head_learns_in_mid_life_that_credentials_ran_out(
    s3_server: Seaweed, s3_trouble: Trouble
) -> None:
    """After the bucket has been asked about once, a bare 400 is still told apart from nothing."""
    store = impatient(s3_trouble.endpoint, s3_server.bucket(versioned=True))
    assert store.head("p/one") is None
    s3_trouble.always(trouble.refuse(400, "ExpiredToken"))
    assert type(said_by(store, QUESTIONS["head"])) is CredentialsExpired


@server
@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("The provided token has expired.", CredentialsExpired),
        ("The provided token is malformed or otherwise invalid.", NotAllowed),
    ],
)
def test_an_invalid_token_has_expired_only_where_the_server_says_so(
    s3_trouble: Trouble, message: str, kind: type[StoreError]
) -> None:
    """The same code stands for both; the message decides and is not repeated."""
    store = impatient(s3_trouble.endpoint, "bucket")
    s3_trouble.always(trouble.refuse(400, "InvalidToken", message))
    said = said_by(store, QUESTIONS["get"])
    assert type(said) is kind
    assert message not in str(said)


NO_S3 = {
    "html page": trouble.say(200, b"<html><body>Sign in, hunter2</body></html>"),
    "broken html": trouble.say(200, b"<html><p>hunter2<br></html>"),
    "empty": trouble.say(200, b""),
    "json": trouble.say(200, b'{"hunter2": 1}', "application/json"),
    "html 404": trouble.say(404, b"<html>no hunter2 here<br></html>"),
    "html 403": trouble.say(403, b"<html>no hunter2 here<br></html>"),
    "http to a tls port": trouble.say(400, b"Client sent an HTTP request to an HTTPS server."),
    "moved": trouble.say(302, b""),
    "moved permanently": trouble.say(301, b""),
    "gateway": trouble.say(502, b"<html>hunter2<br></html>"),
}


@server
@pytest.mark.parametrize("answer", NO_S3)
def test_what_is_no_s3_server_is_neither_an_empty_store_nor_a_full_one(
    s3_trouble: Trouble, answer: str
) -> None:
    """A web server, a login page, a load balancer: no object is found, put or missing there."""
    store = impatient(s3_trouble.endpoint, "bucket")
    s3_trouble.always(NO_S3[answer])
    checks = {
        "html 403": "these credentials may not do this",
        "moved permanently": "in another region",
    }
    # A delete only says that the call was made: whoever needs to know looks again.
    for question in QUESTIONS.keys() - {"delete", "delete-version"}:
        said = said_by(store, QUESTIONS[question])
        assert not isinstance(said, NotFound), question
        assert checks.get(answer, "no S3 server gave this answer") in str(said), question


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port at which somebody takes connections and hangs up without a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                connection.settimeout(2)
                with connection:
                    connection.recv(65536)

        threading.Thread(target=hang_up, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


@server
@pytest.mark.usefixtures("s3_server")
def test_a_port_that_hangs_up_is_said(silent_port: int) -> None:
    """Nothing comes back at all."""
    store = impatient(f"http://127.0.0.1:{silent_port}", "bucket")
    for question, ask in QUESTIONS.items():
        assert "hung up without an answer" in str(said_by(store, ask)), question


@server
def test_tls_to_a_plain_port_is_said(s3_server: Seaweed) -> None:
    """An endpoint with https where the server speaks http."""
    store = impatient(s3_server.endpoint.replace("http://", "https://"), "bucket")
    for question, ask in QUESTIONS.items():
        assert "check http or https" in str(said_by(store, ask)), question


@server
def test_a_real_server_says_the_same(s3_server: Seaweed, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bucket that is not there, a key it does not know, a wrong secret: SeaweedFS's own codes."""
    missing = impatient(s3_server.endpoint, "no-such-bucket")
    assert "NoSuchBucket: no bucket of this name" in str(said_by(missing, QUESTIONS["head"]))
    bucket = s3_server.bucket(versioned=False)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    wrong = impatient(s3_server.endpoint, bucket)
    assert "SignatureDoesNotMatch: the secret key" in str(said_by(wrong, QUESTIONS["put"]))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKUNKNOWN")
    wrong = impatient(s3_server.endpoint, bucket)
    assert "InvalidAccessKeyId: the server does not" in str(said_by(wrong, QUESTIONS["put"]))


@pytest.fixture
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without any; returns the place of its (missing) config file."""
    for name in (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_PROFILE",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    return tmp_path / "config"


URL = "s3://bucket?endpoint=http://127.0.0.1:1&region=us-east-1"


def said_at(url: str) -> StoreError:
    """What opening the store and asking it something says."""
    with pytest.raises(StoreError) as caught:
        open_store(url).head("p/one")
    assert caught.value.__suppress_context__
    return caught.value


def test_no_credentials_says_where_they_are_looked_for(no_credentials: Path) -> None:
    """The variables, the profile, the role."""
    said = str(said_at(URL))
    assert "no credentials were found" in said
    assert "AWS_ACCESS_KEY_ID" in said


def test_half_of_the_credentials_is_said(
    no_credentials: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key without its secret."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", SECRET)
    said = str(said_at(URL))
    assert "the credentials are incomplete" in said
    assert SECRET not in said


def test_a_profile_that_is_not_there_is_said(
    no_credentials: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A typing error in AWS_PROFILE."""
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    assert "there is no such profile" in str(said_at(URL))


def test_credentials_that_cannot_be_fetched_are_said(no_credentials: Path) -> None:
    """The program that a profile names fails, and prints what it should not."""
    no_credentials.write_text(f"[default]\ncredential_process = cat /{SECRET}\n")
    said = str(said_at(URL))
    assert "no credentials could be fetched" in said
    assert SECRET not in said


def test_credentials_that_come_already_expired_are_said(
    no_credentials: Path, tmp_path: Path
) -> None:
    """A program that goes on giving out the old ones."""
    stale = {
        "Version": 1,
        "AccessKeyId": "a",
        "SecretAccessKey": SECRET,
        "SessionToken": "t",
        "Expiration": "2020-01-01T00:00:00Z",
    }
    (tmp_path / "stale.json").write_text(json.dumps(stale))
    no_credentials.write_text(f"[default]\ncredential_process = cat {tmp_path / 'stale.json'}\n")
    said = said_at(URL)
    assert type(said) is CredentialsExpired
    assert SECRET not in str(said)


def test_a_sign_in_that_ran_out_is_credentials_that_ran_out() -> None:
    """botocore's own word for it, before anything is sent."""
    with pytest.raises(CredentialsExpired), refusals("p/one"):
        raise UnauthorizedSSOTokenError


def test_other_errors_are_not_taken_for_credentials() -> None:
    """A RuntimeError of something else goes on as it is."""
    with pytest.raises(RuntimeError, match="pool is closed"), refusals("p/one"):
        raise RuntimeError("pool is closed")
