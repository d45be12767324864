"""What a node refuses before it begins: containers on a pool without container support and tasks
without containers on one with it, users that the pool lacks, GPUs that this machine lacks."""

import asyncio

from emulators.batch.agent.gpus import count_gpus, is_gpu_size
from emulators.batch.agent.users import UnknownUser, check_user
from emulators.batch.document import Doc
from emulators.batch.scheduler.verdict import Failure

METADATA = "emulator.missingGpu"


class Admission:
    """Counts the machine's GPUs when the first task of a GPU pool comes, not earlier."""

    def __init__(self, missing_gpu: str) -> None:
        self._missing_gpu = missing_gpu
        self._gpus: asyncio.Task[int] | None = None

    async def objection(self, pool: Doc, spec: Doc, *, is_task: bool) -> Failure | None:
        """Return why this command may not run on the nodes of this pool, or None."""
        objection = _about_containers(pool, spec, is_task=is_task)
        if objection is not None:
            return objection
        identity = spec.get("userIdentity")
        if identity and identity.get("username"):
            try:
                check_user(identity, pool.get("userAccounts") or [])
            except UnknownUser as error:
                return _no_user(str(error))
        if is_task and is_gpu_size(str(pool.get("vmSize") or "")):
            return await self._without_gpu(pool)
        return None

    async def _without_gpu(self, pool: Doc) -> Failure | None:
        if self._gpus is None:
            self._gpus = asyncio.create_task(count_gpus())
        if await asyncio.shield(self._gpus) or _choice(pool, self._missing_gpu) == "cpu":
            return None
        return Failure(
            "TaskSchedulingConstraintFailed",
            "The task cannot run on any node of its pool",
            details={
                "Message": f"The size {pool.get('vmSize')} has GPUs and this machine has none "
                f"(nvidia-smi). Start the emulator with --missing-gpu cpu, or give the pool the "
                f"metadata {METADATA}=cpu, to run it on the CPU."
            },
        )


def _choice(pool: Doc, default: str) -> str:
    for one in pool.get("metadata") or ():
        if one.get("name") == METADATA:
            return str(one.get("value"))
    return default


def _no_user(name: str) -> Failure:
    return Failure(
        "CommandLaunchFailed",
        "The specified command could not be launched",
        details={"Message": f"The pool has no user account {name!r}."},
    )


def _about_containers(pool: Doc, spec: Doc, *, is_task: bool) -> Failure | None:
    """Match container tasks with container pools; what starts, prepares or cleans may run on the
    host of such a pool."""
    machine = pool.get("virtualMachineConfiguration") or {}
    supported, wanted = machine.get("containerConfiguration"), spec.get("containerSettings")
    if wanted and not supported:
        remedy = "Give the pool's virtualMachineConfiguration a containerConfiguration."
        return Failure(
            "ContainerPoolNotSupported",
            "The specified pool does not support container tasks.",
            details={"Message": remedy},
        )
    if supported and is_task and not wanted:
        remedy = "Give the task containerSettings, or use a pool without containerConfiguration."
        return Failure(
            "ContainerTaskSettingsNotFound",
            "Container-enabled compute node requires task container settings",
            details={"Message": remedy},
        )
    return None
