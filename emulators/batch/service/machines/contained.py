"""Runs a command of a node in a container."""

import asyncio
import os
import shlex
import time
from dataclasses import replace
from pathlib import Path

from emulators.batch.agent.environment import MARKER, environment_inside
from emulators.batch.agent.gpus import is_gpu_size
from emulators.batch.agent.users import group_of, is_administrator
from emulators.batch.containers.advice import Circumstances, warnings_about
from emulators.batch.containers.command import Wanted
from emulators.batch.containers.images import processor
from emulators.batch.containers.mounts import Frame
from emulators.batch.containers.remains import Remains
from emulators.batch.containers.runtime import Container, ContainerFailed, Containers
from emulators.batch.document import Doc
from emulators.batch.scheduler.verdict import Ending, time_is_up
from emulators.batch.service.context import Context, log
from emulators.batch.service.machines.node_image import SYSTEM
from emulators.batch.service.machines.program import (
    Program,
    judged,
    launched,
    not_launched,
    order_of,
    pool_of,
)
from emulators.batch.vm_sizes import processor_of

_GANG = "AZ_BATCH_TASK_SHARED_DIR"
# Users report this HOME of a task. It is a folder of the node that no container sees.
_AUTO_USER = "_azbatchtask_1"


async def run_contained(ctx: Context, containers: Containers, what: Program) -> Ending:
    """Run it in a container, and remove the container however the run ends."""
    try:
        async with asyncio.timeout(None) as what.patience:
            wanted = _wanted(ctx, what)
            container = await containers.create(wanted)
    except ContainerFailed as error:
        return Ending(failure=error.failure, phase="before")
    except ValueError as error:
        return not_launched("CommandLaunchFailed", str(error))
    except TimeoutError:
        return time_is_up(None)
    finally:
        what.patience = None
    try:
        return await _run(ctx, what, wanted, container)
    finally:
        await asyncio.shield(container.engine.remove(container.identifier))


async def _run(ctx: Context, what: Program, wanted: Wanted, container: Container) -> Ending:
    # The engine's program runs in the environment of the emulator, not in that of the task.
    env = {**os.environ, MARKER: str(what.directory)}
    order = replace(
        order_of(what, container.start_command, env),
        removal=container.remove_command,
        lingers=False,
        user=None,
    )
    began_s = time.time()
    ended = await launched(ctx, what, order)
    if what.expired:
        # The container still runs, and is removed next.
        return replace(judged(what, ended), container=Remains(container.identifier).document())
    remains = await container.remains(order.stderr)
    refusal = container.refusal(remains)
    ending = Ending(failure=refusal, phase="before") if refusal else judged(what, ended)
    size = str(pool_of(ctx, what).get("vmSize") or "")
    around = Circumstances(
        has_gpu=is_gpu_size(size),
        fits=processor_of(size) == processor(),
        is_admin=_is_administrator(ctx, what),
        maps_root=not container.engine.is_rootless,
        began_s=began_s,
        directory=what.directory,
    )
    found = await asyncio.to_thread(lambda: list(warnings_about(wanted.options(), remains, around)))
    _warn(ctx, what, found)
    return replace(ending, container=remains.document())


def _wanted(ctx: Context, what: Program) -> Wanted:
    place, pool = what.place, pool_of(ctx, what)
    configuration = _containers_of(pool)
    own = _nodes_own(ctx, what) if ctx.options.container_environment == "node" else {}
    return Wanted(
        settings=what.spec["containerSettings"],
        command=tuple(shlex.split(str(what.spec.get("commandLine") or ""))),
        variables=what.env,
        env=environment_inside(place, what.env, own),
        frame=Frame(place.root, place.directory, place.preparation, _gang(what)),
        registries=tuple(configuration.get("containerRegistries") or ()),
        user=_user(ctx, what),
    )


def _containers_of(pool: Doc) -> Doc:
    found: Doc = (pool.get("virtualMachineConfiguration") or {}).get("containerConfiguration") or {}
    return found


def _nodes_own(ctx: Context, what: Program) -> dict[str, str]:
    """Return the PATH and HOME of the node's user."""
    user = (what.spec.get("userIdentity") or {}).get("username") or _AUTO_USER
    return {"PATH": ctx.options.node_path or SYSTEM, "HOME": f"/home/{user}"}


def _gang(what: Program) -> Path | None:
    """Return the folder that all instances of a multi-instance task share with it."""
    folder = Path(os.path.normpath(what.env.get(_GANG, "/")))
    return folder if folder.is_relative_to(what.place.root) and folder.is_dir() else None


def _is_administrator(ctx: Context, what: Program) -> bool:
    accounts = pool_of(ctx, what).get("userAccounts") or []
    return is_administrator(what.spec.get("userIdentity") or {}, accounts)


def _user(ctx: Context, what: Program) -> str:
    """Return the task's user and group on this machine; administrators keep the image's user.

    As root with `--users ignore` there is no ordinary user to give.
    """
    if _is_administrator(ctx, what):
        return ""
    if what.user is not None:
        return f"{what.user}:{group_of(what.user)}"
    return f"{os.geteuid()}:{os.getegid()}" if os.geteuid() else ""


def _warn(ctx: Context, what: Program, found: list[str]) -> None:
    key = (what.place.job_id, what.place.task_id)
    if key[0]:
        fresh = ctx.advice.put(key, found)
        for one in fresh:
            log.warning("%s", one, extra={"action": "/".join(key)})
