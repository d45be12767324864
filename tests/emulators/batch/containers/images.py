"""Images of one static program, made without a network, and a real registry that has them."""

import base64
import io
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from emulators._http import reserve
from emulators.batch.containers.engine import Engine
from emulators.batch.containers.images import processor
from tests.emulators.batch.running import accepts
from tests.needs import missing
from tests.patience import stretched, until

PLAIN = "localhost/fanfare-test:1"
GREETER = "localhost/fanfare-test-greeter:1"
FOREIGN = "localhost/fanfare-test-foreign:1"
CUDA = "localhost/fanfare-test-cuda:1"
USER, PASSWORD = "puller", "open sesame"
# The password with bcrypt's lowest cost; the registry reads no other kind.
_HTPASSWD = f"{USER}:$2b$04$floduP4vrXiBvfF1zhVYMOIHF717hmfp4uWQn//xt2MGjYpu8YraS\n"
_PROGRAMS = ("sh", "env", "echo", "sleep", "pwd", "touch", "cat", "id", "ls", "test")
_ENTRYPOINT = 'ENTRYPOINT ["/bin/echo", "hello"]'
_CHANGES = {
    PLAIN: (),
    GREETER: (_ENTRYPOINT, 'CMD ["nobody"]', "WORKDIR /tmp", "ENV MOOD=fine"),
    FOREIGN: (),
    CUDA: ("ENV NVIDIA_VISIBLE_DEVICES=all",),
}


def make_images(engine: Engine, folder: Path) -> None:
    """Make all images; skip the test if the machine has no BusyBox."""
    archive = folder / "image.tar"
    archive.write_bytes(_layer())
    other = "amd64" if processor() == "arm64" else "arm64"
    of_other = ("--arch", other) if engine.name == "podman" else ("--platform", f"linux/{other}")
    for image, changes in _CHANGES.items():
        flags = [word for change in changes for word in ("--change", change)]
        kind = of_other if image == FOREIGN else ()
        command = [engine.path, "import", *kind, *flags, str(archive), image]
        subprocess.run(command, check=True, capture_output=True)


def _layer() -> bytes:
    """Return a tar of BusyBox and its names."""
    places = map(Path, ("/bin/busybox", "/usr/bin/busybox"))
    busybox = next((place for place in places if place.exists()), None)
    if busybox is None:
        missing("a static BusyBox", "busybox-static")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for folder, mode in (("bin", 0o755), ("tmp", 0o1777)):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, mode
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


@dataclass(frozen=True)
class Registry:
    """A registry over http that asks for a password."""

    address: str
    environment: dict[str, str]

    def hold(self, engine: Engine, name: str, folder: Path) -> str:
        """Push the plain image under a name, forget it here, and return its full name."""
        image, login = f"{self.address}/{name}", folder / "config.json"
        login.write_text(json.dumps({"auths": {self.address: {"auth": _basic()}}}))
        config = ("--config", str(folder)) if engine.name == "docker" else ()
        authfile = ("--authfile", str(login)) if engine.name == "podman" else ()
        for command in (("tag", PLAIN, image), ("push", *authfile, image), ("rmi", image)):
            subprocess.run(
                [engine.path, *config, *command],
                check=True,
                capture_output=True,
                env={**os.environ, **self.environment},
            )
        return image


def _basic() -> str:
    return base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


@contextmanager
def registry(folder: Path) -> Iterator[Registry]:
    """Run Docker's own registry during a with block; skip the test if this machine has none."""
    program = shutil.which("docker-registry")
    if program is None:
        missing("a registry", "docker-registry")
    with reserve(0) as probe:
        port = probe.getsockname()[1]
    (folder / "htpasswd").write_text(_HTPASSWD)
    settings = {
        "version": "0.1",
        "log": {"accesslog": {"disabled": True}, "level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "registry")}},
        "http": {"addr": f"127.0.0.1:{port}"},
        "auth": {"htpasswd": {"realm": "images", "path": str(folder / "htpasswd")}},
    }
    config, insecure = folder / "registry.yml", folder / "registries.conf"
    config.write_text(json.dumps(settings))  # which is YAML, too
    address = f"127.0.0.1:{port}"
    insecure.write_text(f'[[registry]]\nlocation = "{address}"\ninsecure = true\n')
    process = subprocess.Popen(
        [program, "serve", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        until(lambda: accepts(port))
        yield Registry(address, {"CONTAINERS_REGISTRIES_CONF": str(insecure)})
    finally:
        process.terminate()
        process.wait(stretched(60))
