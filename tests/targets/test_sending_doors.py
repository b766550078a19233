"""Where a request may go: to the host that the card names, over TLS that is verified, and nowhere else."""

from __future__ import annotations

import datetime
import ipaddress
import json
import ssl
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from momus.card.http import HttpCard
from momus.core.errors import TargetError
from momus.targets.http_send import Sender
from momus.testing.faulty_server import FaultyServer

INFER = "v2/models/scorer/infer"
ROWS = json.dumps({"inputs": [{"name": "rows", "datatype": "FP64", "shape": [1, 2], "data": [0.5] * 2}]}).encode()


def asking(card: dict[str, Any], base: Path = Path()) -> Sender:
    return Sender(HttpCard(**{"retries": 0, "token": "sesame-secret", **card}), name="scorer", base=base)


class Signpost:
    """A server that sends every request on; ``{n}`` in the address counts the requests."""

    def __init__(self, status: int, to: str) -> None:
        post = self
        self.seen: list[tuple[str, str]] = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("content-length", 0)))
                post.seen.append((self.path, self.headers.get("authorization", "")))
                if self.path == "/there":
                    self.send_response(200)
                else:
                    self.send_response(status)
                    self.send_header("location", to.format(n=len(post.seen), port=post.server.server_port))
                self.send_header("content-length", "0")
                self.end_headers()

            do_POST = do_GET  # noqa: N815 - the name that the server calls

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> Signpost:
        self._thread = Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join(5)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_metadata_may_move_within_the_host_and_that_is_told(status: int) -> None:
    with Signpost(status, "/there") as post, asking({"url": post.url, "model": "m"}) as door:
        assert door.get("v2").status == 200
        assert post.seen == [("/v2", "Bearer sesame-secret"), ("/there", "Bearer sesame-secret")]
        assert door.told == ("1 request for metadata was redirected within 127.0.0.1",)


@pytest.mark.parametrize(
    ("to", "words"),
    [
        ("http://192.0.2.7/there?key=1", "another host, http://192.0.2.7/there"),
        ("http://127.0.0.1.example.org/", "another host"),
        ("http://127.0.0.1@192.0.2.7/", "another host, http://192.0.2.7/"),
        ("//192.0.2.7/there", "another host"),
        ("http://127.0.0.1:1/there", "another port, 1"),
        ("https://127.0.0.1:{port}/there", "no TLS connection"),
        ("file:///etc/passwd", "another host"),
        ("ftp://127.0.0.1/there", "from http to ftp"),
        ("http://[half/", "an address that is none"),
        ("/round/{n}", "more than 3 times"),
    ],
)
def test_metadata_are_fetched_from_nowhere_else(to: str, words: str) -> None:
    with Signpost(302, to) as post, asking({"url": post.url, "model": "m"}) as door:
        with pytest.raises(TargetError) as caught:
            door.get("v2")
        assert words in caught.value.message and "key=1" not in str(caught.value)
        assert len(post.seen) <= 4


@pytest.mark.parametrize("to", ["/there", "http://127.0.0.1:{port}/there"])
def test_rows_are_sent_to_no_second_address(to: str) -> None:
    with Signpost(307, to) as post, asking({"url": post.url, "model": "m"}) as door:
        with pytest.raises(TargetError, match=r"sends the request on to http://127\.0\.0\.1:\d+/there") as caught:
            door.post(INFER, [ROWS], [1])
        assert caught.value.code == "target/http-redirect" and [p for p, _ in post.seen] == [f"/{INFER}"]


def test_proxies_and_certificates_of_the_environment_count_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
        monkeypatch.setenv(name.lower(), "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("NETRC", "/nonexistent")
    with FaultyServer() as server, asking(server.card()) as door:
        assert len(door.post(INFER, [ROWS], [1])) == 1


def test_nothing_of_a_request_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    with FaultyServer() as server, asking({**server.card(), "url": f"{server.url}?key=address-secret"}) as door:
        door.post(INFER, [ROWS], [1])
    assert "address-secret" not in caplog.text and "sesame-secret" not in caplog.text


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority of its own, and a server's and a client's certificate that it signed."""
    pytest.importorskip("cryptography")
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    folder = tmp_path_factory.mktemp("authority")
    name = {
        n: x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, n)]) for n in ("ca", "server", "other", "client")
    }
    keys = {n: ec.generate_private_key(ec.SECP256R1()) for n in name}
    now = datetime.datetime.now(datetime.UTC)
    hosts = {"server": x509.IPAddress(ipaddress.ip_address("127.0.0.1")), "other": x509.DNSName("elsewhere.example")}
    for n, key in keys.items():
        made = x509.CertificateBuilder(name["ca"], name[n], key.public_key(), x509.random_serial_number())
        made = made.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=9))
        made = made.add_extension(x509.BasicConstraints(n == "ca", None), critical=True)
        made = made.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(keys["ca"].public_key()), False)
        made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        if n in hosts:
            made = made.add_extension(x509.SubjectAlternativeName([hosts[n]]), critical=False)
        if n == "ca":
            usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
            made = made.add_extension(usage, critical=True)
        signed = made.sign(keys["ca"], hashes.SHA256())
        (folder / f"{n}.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (folder / f"{n}.key").write_bytes(private)
    return folder


def served(authority: Path, name: str = "server", *, client: bool = False) -> FaultyServer:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / f"{name}.pem", authority / f"{name}.key")
    if client:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(authority / "ca.pem")
    return FaultyServer(context=context)


def test_a_certificate_counts_only_where_the_card_trusts_its_authority(authority: Path) -> None:
    with served(authority) as server:
        with asking(server.card()) as door, pytest.raises(TargetError) as caught:
            door.post(INFER, [ROWS], [1])
        assert caught.value.code == "target/http-tls" and "the certificate was refused" in caught.value.message
        assert "targets[].http.ca" in caught.value.hint and not server.seen
        with asking(server.card(ca="ca.pem"), authority) as door:
            assert len(door.post(INFER, [ROWS], [1])) == 1
        plain = {**server.card(), "url": server.url.replace("https", "http")}
        with asking(plain) as door, pytest.raises(TargetError):
            door.post(INFER, [ROWS], [1])


def test_a_certificate_of_another_host_is_refused(authority: Path) -> None:
    with served(authority, "other") as server, asking(server.card(ca="ca.pem", retries=5), authority) as door:
        with pytest.raises(TargetError, match=r"certificate was refused.*127\.0\.0\.1"):
            door.post(INFER, [ROWS], [1])
        assert not server.seen and door.told == (), "it is not asked again: no certificate mends itself"


def test_a_client_shows_the_certificate_that_its_card_names(authority: Path) -> None:
    with served(authority, client=True) as server:
        named = server.card(ca="ca.pem", certificate="client.pem", key="client.key")
        with asking(named, authority) as door:
            assert len(door.post(INFER, [ROWS], [1])) == 1
        with asking(server.card(ca="ca.pem"), authority) as door, pytest.raises(TargetError) as caught:
            door.post(INFER, [ROWS], [1])
        # The server's reason and the end of the connection race each other to us.
        assert caught.value.code in ("target/http-tls", "target/http-closed")
        assert "certificate and key" in caught.value.hint or caught.value.code == "target/http-closed"
        assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"ca": "none.pem"}, "No such file"),
        ({"ca": "ca.key"}, "no certificate"),
        ({"certificate": "client.pem", "key": "server.key"}, "not the key that fits"),
    ],
)
def test_files_that_are_no_certificates_are_named(authority: Path, files: dict[str, str], words: str) -> None:
    with pytest.raises(TargetError, match=words) as caught:
        asking({"url": "https://127.0.0.1:1", "model": "m", **files}, authority)
    assert caught.value.code == "target/http-tls" and next(iter(files.values())) in caught.value.place


@pytest.fixture(autouse=True)
def nothing_is_left_open() -> Iterator[None]:
    """A connection that nobody closed would warn here."""
    import gc

    yield
    gc.collect()
