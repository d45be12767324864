"""What a program on a node sees of its surroundings: folders and AZ_BATCH_* variables, nothing
else."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from emulators.batch.document import Doc

# The disk space that a node keeps free; with less it counts as full.
_RESERVED_BYTES = "1000000000"
MARKER = "AZ_BATCH_TASK_DIR"
NODE_FOLDERS = ("applications", "fsmounts", "shared", "startup", "volatile", "workitems")


@dataclass(frozen=True, slots=True)
class NodeFolders:
    """The folders of one node under its root."""

    root: Path

    def create(self) -> None:
        """Make the folders that every node has."""
        for name in NODE_FOLDERS:
            (self.root / name).mkdir(parents=True, exist_ok=True)

    def task(self, job_id: str, task_id: str) -> Path:
        """Return the directory of one task, which holds its logs and `wd`."""
        return self.root / task_directory(job_id, task_id)


def task_directory(job_id: str, task_id: str) -> str:
    """Return a task's directory relative to the node's root."""
    return f"{job_directory(job_id)}/{task_id}"


def job_directory(job_id: str) -> str:
    """Return a job's directory relative to the node's root; a schedule's jobs have numbers."""
    item, _, number = job_id.partition(":")
    return f"workitems/{item}/{number or 'job-1'}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a program runs: account, pool, node and, for tasks of a job, job and task."""

    account: str
    account_url: str
    pool_id: str
    node_id: str
    dedicated: bool
    root: Path
    directory: Path
    path: str
    job_id: str = ""
    task_id: str = ""
    preparation: Path | None = None


def environment(place: Place, settings: Iterable[Doc]) -> dict[str, str]:
    """Return the whole environment of a program; the user's settings come last."""
    root, directory = str(place.root), str(place.directory)
    wd = f"{directory}/wd"
    variables = {
        "PATH": place.path,
        "HOME": wd,
        "AZ_BATCH_ACCOUNT_NAME": place.account,
        "AZ_BATCH_ACCOUNT_URL": place.account_url,
        "AZ_BATCH_POOL_ID": place.pool_id,
        "AZ_BATCH_NODE_ID": place.node_id,
        "AZ_BATCH_NODE_IS_DEDICATED": str(place.dedicated).lower(),
        "AZ_BATCH_NODE_ROOT_DIR": root,
        "AZ_BATCH_NODE_SHARED_DIR": f"{root}/shared",
        "AZ_BATCH_NODE_STARTUP_DIR": f"{root}/startup",
        "AZ_BATCH_NODE_MOUNTS_DIR": f"{root}/fsmounts",
        "AZ_BATCH_CERTIFICATES_DIR": f"{directory}/certs",
        "AZ_BATCH_TASK_RESERVED_EPHEMERAL_DISK_SPACE_BYTES": _RESERVED_BYTES,
    }
    if place.job_id:
        variables |= {"AZ_BATCH_JOB_ID": place.job_id, "AZ_BATCH_TASK_ID": place.task_id}
    if place.preparation:
        variables |= {
            "AZ_BATCH_JOB_PREP_DIR": str(place.preparation),
            "AZ_BATCH_JOB_PREP_WORKING_DIR": str(place.preparation / "wd"),
        }
    for setting in settings:
        variables[str(setting["name"])] = str(setting.get("value") or "")
    # Last, because the agent finds a task's processes by this variable.
    variables[MARKER] = directory
    variables["AZ_BATCH_TASK_WORKING_DIR"] = wd
    return variables


def environment_inside(
    place: Place, env: Mapping[str, str], nodes_own: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment inside a container: `nodes_own` replaces the PATH and HOME that
    programs on the node get, unless the task sets its own."""
    outside = {"PATH": place.path, "HOME": f"{place.directory}/wd"}
    chosen = {name: value for name, value in env.items() if outside.get(name) != value}
    return {**nodes_own, **chosen}
