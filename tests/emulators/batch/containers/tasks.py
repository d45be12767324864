"""How the tests describe container tasks, and count the containers of an emulator."""

import subprocess

from azure.batch import models

from emulators.batch.containers.engine import Engine
from emulators.batch.containers.runtime import owner_label
from tests.emulators.batch.containers.images import PLAIN
from tests.emulators.batch.running import Emulator

NON_ADMIN = models.UserIdentity(
    auto_user=models.AutoUserSpecification(scope="pool", elevation_level="nonadmin")
)
ADMIN = models.UserIdentity(
    auto_user=models.AutoUserSpecification(scope="pool", elevation_level="admin")
)


def inside(image: str = PLAIN, **more: object) -> models.BatchTaskContainerSettings:
    """Return the settings of a task in a container of an image."""
    return models.BatchTaskContainerSettings(image_name=image, **more)


def containers_of(engine: Engine, emulator: Emulator) -> list[str]:
    """Return the containers of one emulator, running or not."""
    label = f"label={owner_label(emulator.data.resolve())}"
    command = [engine.path, "ps", "--all", "--quiet", "--filter", label]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


def has_said(emulator: Emulator, task_id: str, text: str) -> bool:
    """Tell whether a running task of job j has printed a text."""
    if emulator.client.get_task("j", task_id).state != "running":
        return False
    files = list(emulator.data.glob(f"nodes/*/workitems/j/job-1/{task_id}/stdout.txt"))
    return bool(files) and text in files[0].read_text()


def warnings_of(emulator: Emulator, task_id: str) -> str:
    """Return what the emulator warns of a task, whatever its job, as one text."""
    found = emulator.admin("GET", "/_admin/warnings")["warnings"]
    return " ".join(" ".join(one["warnings"]) for one in found if one["taskId"] == task_id)
