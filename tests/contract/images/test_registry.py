"""Names of images are resolved by registries: Debian's own, and one that misbehaves."""

import base64
import hashlib
import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipeline.adapters.images import engine, logins
from pipeline.adapters.images.registry import Registries
from pipeline.errors import ImageRefused, Transient
from tests import images
from tests.needs import missing
from tests.patience import until

# The password is "secret".
HASHED = "alice:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n"
COLOURED = b'{"errors":[{"code":"X","message":"\\u001b[31mred"}]}'
ELSEWHERE = {"WWW-Authenticate": 'Bearer realm="http://stranger.example/"'}
nobody = Registries(lambda _host: None)


def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def registry(folder: Path, more: str = "") -> Iterator[str]:
    """Run Debian's registry, and yield its host."""
    program = shutil.which("docker-registry")
    if program is None:
        missing("a registry", "docker-registry")
    host = f"127.0.0.1:{port()}"
    (folder / "registry.yml").write_text(
        "version: 0.1\nlog: {level: error}\n"
        f"storage: {{filesystem: {{rootdirectory: {folder}/data}}}}\n"
        f"http: {{addr: {host}}}\n{more}"
    )
    process = subprocess.Popen(
        [program, "serve", folder / "registry.yml"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: _listens(host), 20, "the registry to listen")
        yield host
    finally:
        process.terminate()
        process.wait(20)


def _listens(host: str) -> bool:
    address, _, number = host.rpartition(":")
    with socket.socket() as client:
        return client.connect_ex((address, int(number))) == 0


def push(host: str, *login: str) -> str:
    image = f"{host}/tools/shell:1"
    command = [images.engine(), "push", "--tls-verify=false", *login, images.shell_image(), image]
    subprocess.run(command, capture_output=True, check=True)
    return image


def test_a_tag_is_resolved_to_what_the_registry_has_and_a_moved_one_to_another(tmp_path: Path):
    with registry(tmp_path) as host:
        image = push(host)
        found = nobody.resolve(image)
        assert found.reference == f"{host}/tools/shell@{found.digest}"
        assert found.architectures == {"amd64"}
        assert nobody.resolve(found.reference) == found
        with pytest.raises(ImageRefused, match=r"404 for .*: MANIFEST_UNKNOWN manifest unknown"):
            nobody.resolve(f"{host}/tools/shell:2")
    with pytest.raises(Transient, match="does not answer"):
        nobody.resolve(image)


def test_a_registry_that_wants_a_password_gets_it_from_the_login_of_this_machine(
    tmp_path: Path,
):
    (tmp_path / "htpasswd").write_text(HASHED)
    with registry(
        tmp_path, f"auth: {{htpasswd: {{realm: r, path: {tmp_path}/htpasswd}}}}\n"
    ) as host:
        image = push(host, "--creds", "alice:secret")
        with pytest.raises(ImageRefused, match=r"401 for .*: UNAUTHORIZED authentication required"):
            nobody.resolve(image)
        login = base64.b64encode(b"alice:secret").decode()
        (tmp_path / "auth.json").write_text(json.dumps({"auths": {host: {"auth": login}}}))
        logged_in = Registries(logins.of_files([tmp_path / "none.json", tmp_path / "auth.json"]))
        assert logged_in.resolve(image).digest.startswith("sha256:")


def test_the_engine_of_this_machine_knows_images_that_no_registry_has():
    image = images.shell_image()
    found = engine.find(image)
    assert found is not None
    assert (found.reference, found.architectures) == (image, {"amd64"})
    assert found.digest
    assert engine.find("localhost/fanfare-nobody-has-it:1") is None


class Stub(ThreadingHTTPServer):
    """A registry that answers what a test says, by path."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.asked: list[tuple[str, str]] = []
        self.host = f"127.0.0.1:{self.server_port}"


class _Answers(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        assert isinstance(self.server, Stub)
        if with_body:
            self.server.asked.append((self.path, self.headers.get("Authorization", "")))
        path = self.path.partition("?")[0]
        signed = f"{path} signed" if self.headers.get("Authorization") else path
        found = self.server.answers.get(signed) or self.server.answers.get(path)
        status, headers, body = found or (404, {}, b"")
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """Keep quiet."""


@pytest.fixture
def stub() -> Iterator[Stub]:
    server = Stub()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def body(value: object) -> tuple[int, dict[str, str], bytes]:
    return 200, {}, json.dumps(value).encode()


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def test_an_image_of_several_architectures_is_one_digest_and_a_token_is_fetched_once(stub: Stub):
    realm = f'Bearer realm="http://{stub.host}/token",service="s",scope="repository:a/b:pull"'
    config = body({"architecture": "amd64", "os": "linux", "config": {"Env": ["PATH=/opt/bin"]}})
    manifest = body({"config": {"digest": digest_of(config[2])}})
    builds = [
        {"platform": {"os": "linux", "architecture": name}, "digest": digest_of(manifest[2])}
        for name in ("arm64", "amd64")
    ]
    index = body({"manifests": builds})
    stub.answers = {
        "/v2/a/b/manifests/1": (401, {"WWW-Authenticate": realm}, b""),
        "/token": body({"token": "T"}),
        "/v2/a/b/manifests/1 signed": index,
        f"/v2/a/b/manifests/{digest_of(manifest[2])}": manifest,
        f"/v2/a/b/blobs/{digest_of(config[2])}": config,
    }
    found = nobody.resolve(f"{stub.host}/a/b:1")
    assert (found.digest, found.path) == (digest_of(index[2]), "/opt/bin")
    assert found.architectures == {"amd64", "arm64"}
    assert [path for path, _ in stub.asked].count(
        "/token?service=s&scope=repository%3Aa%2Fb%3Apull"
    ) == 1
    assert {header for path, header in stub.asked[2:]} == {"Bearer T"}


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        ((503, {}, b""), Transient, "answered 503"),
        ((429, {}, b'{"errors":[{"code":"TOOMANYREQUESTS","message":"slow"}]}'), Transient, "slow"),
        ((403, {}, b'{"errors":[{"code":"DENIED","message":"not yours"}]}'), ImageRefused, "yours"),
        ((200, {}, b"<html>"), ImageRefused, "answered what no registry answers"),
        ((200, {}, b"[" * 100_000), ImageRefused, "answered what no registry answers"),
        ((200, {}, b'{"config": {"digest": "../../token"}}'), ImageRefused, "no container image"),
        ((200, {}, b'{"manifests": [1, {"platform": 2}]}'), ImageRefused, "no build for Linux"),
        ((200, {}, b" " * (5 << 20)), ImageRefused, "more than"),
        ((401, ELSEWHERE, b""), ImageRefused, "stranger"),
        ((404, {}, COLOURED), ImageRefused, "X .31mred"),
    ],
)  # fmt: skip
def test_a_registry_that_misbehaves_is_told_with_its_words(stub: Stub, answer, kind, said):
    stub.answers = {"/v2/a/b/manifests/1": answer}
    with pytest.raises(kind, match=said):
        nobody.resolve(f"{stub.host}/a/b:1")


def test_what_a_digest_stands_for_is_asked_once(stub: Stub):
    config = body({"architecture": "amd64"})
    manifest = body({"config": {"digest": digest_of(config[2])}})
    named = {"Docker-Content-Digest": digest_of(manifest[2])}
    stub.answers = {
        "/v2/a/b/manifests/1": (200, named, manifest[2]),
        f"/v2/a/b/manifests/{digest_of(manifest[2])}": manifest,
        f"/v2/a/b/blobs/{digest_of(config[2])}": config,
    }
    registries = Registries(lambda _host: None)
    first = registries.resolve(f"{stub.host}/a/b:1")
    assert len(stub.asked) == 2
    assert registries.resolve(f"{stub.host}/a/b:1") == first
    assert len(stub.asked) == 2  # a HEAD told that the tag has not moved


def test_a_digest_that_the_registry_answers_with_other_bytes_is_refused(stub: Stub):
    wanted = f"sha256:{'0' * 64}"
    stub.answers = {f"/v2/a/b/manifests/{wanted}": body({"config": {}})}
    with pytest.raises(ImageRefused, match="another image"):
        nobody.resolve(f"{stub.host}/a/b@{wanted}")
