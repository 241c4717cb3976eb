"""A ministack that is reached by https: what its buckets refuse without TLS is not refused here."""

import contextlib
import datetime
import ipaddress
import shutil
import ssl
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.servers.ministack import (
    REGION,
    ROOT,
    Credentials,
    Ministack,
    binary,
    start,
    wait_until_ready,
)
from tests.servers.process import free_ports, stop


@dataclass(frozen=True, slots=True)
class TlsMinistack(Ministack):
    """A running server, and the certificate to trust."""

    certificate: str = ""

    def client(
        self, service: str, credentials: Credentials | None = None, *, region: str = REGION
    ) -> Any:
        """A plain client of any service, for root where no credentials are given."""
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=region,
            verify=self.certificate,
            **(credentials or ROOT),
        )

    def environment(self, credentials: Credentials | None = None) -> dict[str, str]:
        """What boto3's usual chain needs to reach it, and nothing of the caller's own account."""
        # Not super(): a dataclass with slots is another class than the one written here.
        return {
            **Ministack.environment(self, credentials),
            "AWS_CA_BUNDLE": self.certificate,
        }

    def forget(self) -> None:
        """Empty the server."""
        request = urllib.request.Request(f"{self.endpoint}/_ministack/reset", method="POST")  # noqa: S310
        urllib.request.urlopen(request, context=self.trusting(), timeout=10).close()  # noqa: S310

    def trusting(self) -> ssl.SSLContext:
        """What a plain client needs to reach it."""
        return ssl.create_default_context(cafile=self.certificate)


@contextlib.contextmanager
def running() -> Iterator[TlsMinistack]:
    """Start an empty server; kill it and remove its folder on the way out."""
    command = binary()
    folder = Path(tempfile.mkdtemp(prefix="unvoiced-ministack-"))
    process: subprocess.Popen[bytes] | None = None
    try:
        (port,) = free_ports(1)
        certificate, key = _certificate(folder)
        over_tls = {
            "USE_SSL": "1",
            "MINISTACK_SSL_CERT": str(certificate),
            "MINISTACK_SSL_KEY": str(key),
        }
        process = start(command, folder, port, over_tls)
        server = TlsMinistack(f"https://127.0.0.1:{port}", process.pid, folder, str(certificate))
        wait_until_ready(server, process, server.trusting())
        yield server
    finally:
        if process is not None:
            stop(process)
        shutil.rmtree(folder, ignore_errors=True)


def _certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    # Real time: it is the other process that looks at it.
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "server.crt", folder / "server.key"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    paths[1].chmod(0o600)
    return paths
