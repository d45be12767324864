"""An image of one static program, and a registry that asks for a password."""

import base64
import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import loopback
from tests.needs import missing

USER, PASSWORD = "puller", "open sesame"
_PROGRAMS = ("sh", "env", "echo", "sleep", "pwd", "touch", "cat")
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_PROCESSORS = {"x86_64": "amd64", "aarch64": "arm64"}
_LAYER = "application/vnd.oci.image.layer.v1.tar"


def layer() -> bytes:
    """Return a tar of BusyBox and its names; skip the test if the machine has no BusyBox."""
    places = map(Path, ("/bin/busybox", "/usr/bin/busybox"))
    busybox = next((place for place in places if place.exists()), None)
    if busybox is None:
        missing("a static BusyBox", "busybox-static")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for folder in ("bin", "tmp"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        entry = tarfile.TarInfo("bin/busybox")
        content = busybox.read_bytes()
        entry.size, entry.mode = len(content), 0o755
        tar.addfile(entry, io.BytesIO(content))
        for name in _PROGRAMS:
            entry = tarfile.TarInfo(f"bin/{name}")
            entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(entry)
    return packed.getvalue()


def _image(content: bytes) -> dict[str, tuple[str, bytes]]:
    """Return an OCI image of one layer: type and bytes, by the end of the path that requests
    them."""
    rootfs = {"type": "layers", "diff_ids": [_digest(content)]}
    processor = _PROCESSORS.get(platform.machine(), platform.machine())
    config = json.dumps({"architecture": processor, "os": "linux", "rootfs": rootfs}).encode()
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": _described(_CONFIG, config),
            "layers": [_described(_LAYER, content)],
        }
    ).encode()
    return {
        "manifests/1": (_MANIFEST, manifest),
        f"manifests/{_digest(manifest)}": (_MANIFEST, manifest),
        f"blobs/{_digest(config)}": (_CONFIG, config),
        f"blobs/{_digest(content)}": (_LAYER, content),
    }


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _described(kind: str, content: bytes) -> dict[str, object]:
    return {"mediaType": kind, "digest": _digest(content), "size": len(content)}


@contextmanager
def registry(content: bytes) -> Iterator[str]:
    """Serve an image as `<address>/<any name>:1` during a with block."""
    found = _image(content)
    wanted = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

    class Handler(loopback.Handler):
        def do_GET(self) -> None:
            if self.headers.get("Authorization") != wanted:
                self._answer(401, "application/json", b"{}", challenge=True)
            elif self.path == "/v2/":
                self._answer(200, "application/json", b"{}")
            elif (key := "/".join(self.path.rsplit("/", 2)[1:])) in found:
                self._answer(200, *found[key])
            else:
                self._answer(404, "application/json", b"{}")

        do_HEAD = do_GET

        def _answer(self, status: int, kind: str, body: bytes, *, challenge: bool = False) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Docker-Content-Digest", _digest(body))
            if challenge:
                self.send_header("WWW-Authenticate", 'Basic realm="images"')
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

    with loopback.listening(Handler) as url:
        yield url.removeprefix("http://")
