"""Runs one command on a node: its folder, its files, its process, and what its end means."""

import asyncio
import errno
import os
import shlex
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from emulators.batch.agent.client import Exit, Order, Running
from emulators.batch.agent.environment import MARKER, Place, environment, environment_inside
from emulators.batch.agent.users import user_id
from emulators.batch.containers.command import Frame
from emulators.batch.containers.runtime import ContainerFailed, Containers
from emulators.batch.document import Doc, seconds_of, stamp
from emulators.batch.model.node import Node
from emulators.batch.model.usage import Usage
from emulators.batch.packages.deploy import Deployment
from emulators.batch.scheduler.verdict import Ending, Failure, process_ended, time_is_up
from emulators.batch.service.admission import Admission
from emulators.batch.service.context import Context
from emulators.batch.service.node_logs import NodeLogs
from emulators.batch.transfer.identities import TransferFailed
from emulators.batch.transfer.output_files import Upload, planned, upload_all
from emulators.batch.transfer.resource_files import fetch_all

_SIGNAL_BASE = 128


@dataclass(slots=True)
class Program:
    """A command with everything it needs; `process` is there while it runs."""

    spec: Doc
    place: Place
    env: dict[str, str]
    process: Running | None = None
    patience: asyncio.Timeout | None = None
    expired: bool = False
    lingers: bool = False
    user: int | None = None

    @property
    def directory(self) -> Path:
        """Return its directory, which holds its logs and `wd`."""
        return self.place.directory

    @property
    def wd(self) -> Path:
        """Return its working directory."""
        return self.directory / "wd"

    def expire(self) -> None:
        """Kill it because its time is up."""
        self.expired = True
        if self.patience is not None:
            self.patience.reschedule(0.0)
        if self.process is not None:
            self.process.kill()

    async def kill(self) -> None:
        """Kill it and wait until it is gone; a lost agent has killed it already."""
        if self.process is not None:
            self.process.kill()
            await self.process.gone.wait()


class RealMachine:
    """Folders below the data folder, and processes under the agent."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._containers = Containers(ctx.options.container_engine, ctx.options.data)
        self._packages = Deployment(ctx.catalogue)
        self._admission = Admission(ctx.options.missing_gpu)
        self._logs = NodeLogs()

    async def start(self) -> None:
        """Start the agent, which kills what an earlier one may have left."""
        await self._ctx.agent.start()
        await self._containers.clear()

    async def close(self) -> None:
        """End the agent and, with it, every program."""
        await self._ctx.agent.close()
        self._logs.flush()

    def furnish(self, node: Node) -> None:
        """Make the folders that every node has."""
        self._ctx.folders(node).create()

    async def equip(self, node: Node, pool: Doc) -> Failure | None:
        """Unpack the packages of the pool and pull its images."""
        packages = pool.get("applicationPackageReferences")
        if packages:
            root = self._ctx.folders(node).root
            failure = await self._packages.bring(packages, root)
            if failure is not None:
                return failure
        if self._ctx.options.image_pulls != "pool":
            return None
        machine: Doc = pool.get("virtualMachineConfiguration") or {}
        containers = machine.get("containerConfiguration")
        return await self._containers.ensure_images(containers) if containers else None

    async def clear(self, folder: Path) -> None:
        """Delete a folder, off the loop since it may hold much."""
        if folder.exists():
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def scrap(self, node: Node) -> None:
        """Delete a node's folders and its logs."""
        await self.clear(self._ctx.folders(node).root)
        await self.clear(self._log_folder(node))

    def note(self, node: Node, what: str) -> None:
        """Write down what happened on a node."""
        self._logs.note(self._log_folder(node), f"{stamp(self._ctx.clock.now())} {what}")

    def logs(self, node: Node, since: datetime, until: datetime | None) -> list[Path]:
        """Return the log files with a line of this time."""
        return list(self._logs.between(self._log_folder(node), since, until))

    def _log_folder(self, node: Node) -> Path:
        # Beside the node's folder, which its tasks see and may list.
        return self._ctx.options.data / "logs" / self._ctx.folders(node).root.name

    def execution(
        self, node: Node, spec: Doc, directory: Path, *, job_id: str = "", task_id: str = ""
    ) -> "RealExecution":
        """Describe a process on a node."""
        where = {"job_id": job_id, "task_id": task_id} if job_id else {}
        what = program(self._ctx, node, spec, directory, **where)
        references = self._references(node, spec)
        if references:
            what.env |= self._packages.variables(references, what.place.root)
        return RealExecution(self._ctx, self._containers, self._packages, self._admission, what)

    def _references(self, node: Node, spec: Doc) -> list[Doc]:
        pool = self._ctx.account.pools.get(node.pool_id.lower())
        of_pool = pool.spec.get("applicationPackageReferences") if pool is not None else None
        return [*(of_pool or ()), *(spec.get("applicationPackageReferences") or ())]


@dataclass(frozen=True, slots=True)
class RealExecution:
    """One process with its files."""

    ctx: Context
    containers: Containers
    packages: Deployment
    admission: Admission
    what: Program

    async def run(self, *, lingers: bool = False) -> Ending:
        """Fetch its files and run it to its end, within its time limit."""
        self.what.lingers = lingers
        return await run_program(self, self.what)

    async def kill(self) -> None:
        """Kill it and wait until it is gone; a lost agent has killed it already."""
        await self.what.kill()

    def usage(self) -> Usage | None:
        """Return what its process took; a container's own processes are the engine's children."""
        process = self.what.process
        known = process is not None and not self.what.spec.get("containerSettings")
        return process.usage if process is not None and known else None

    async def upload(
        self,
        outputs: list[Doc],
        *,
        succeeded: bool,
        arrange: Callable[[list[Upload]], None],
        disturb: Callable[[Upload], Awaitable[None]],
    ) -> None:
        """Upload what the patterns find in its folder."""
        uploads = planned(outputs, self.what.wd, self.what.env, succeeded=succeeded)
        arrange(uploads)
        await upload_all(uploads, self.ctx.blobs, self.ctx.identities, disturb)


def program(ctx: Context, node: Node, spec: Doc, directory: Path, **where: str) -> Program:
    """Describe a command on a node; `where` names job and task."""
    root = ctx.folders(node).root
    job = ctx.account.jobs.get(where.get("job_id", "").lower())
    prepares = (job.spec.get("jobPreparationTask") or {}).get("id") if job is not None else None
    preparation = None
    if prepares and prepares != where.get("task_id"):
        # The preparation itself is not told where it is.
        preparation = ctx.folders(node).task(where["job_id"], prepares)
    place = Place(
        account=ctx.options.account,
        account_url=ctx.endpoint,
        pool_id=node.pool_id,
        node_id=node.id,
        dedicated=node.dedicated,
        root=root,
        directory=directory,
        path=ctx.options.node_path,
        preparation=preparation,
        **where,
    )
    common = (job.spec.get("commonEnvironmentSettings") or []) if job is not None else []
    return Program(
        spec, place, environment(place, [*common, *(spec.get("environmentSettings") or [])])
    )


async def run_program(means: RealExecution, what: Program) -> Ending:
    """Run a command to its end, within its time limit."""
    ctx = means.ctx
    limit = seconds_of((what.spec.get("constraints") or {}).get("maxWallClockTime"))
    timer = ctx.clock.after(limit, what.expire) if limit is not None else None
    try:
        refused = await _prepared(means, what)
        if refused is not None:
            return refused
        if what.spec.get("containerSettings"):
            return await _container(ctx, means.containers, what)
        return await _process(ctx, what)
    finally:
        if timer is not None:
            timer.cancel()


async def _prepared(means: RealExecution, what: Program) -> Ending | None:
    """Get everything ready; a time that is up breaks off even a download."""
    try:
        async with asyncio.timeout(None) as what.patience:
            return await _before(means, what)
    except TimeoutError:
        return time_is_up(None)
    finally:
        what.patience = None


async def _before(means: RealExecution, what: Program) -> Ending | None:
    try:
        await _make_folders(what)
    except OSError as error:
        return Ending(failure=_no_folder(error), phase="before")
    objection = await _objection(means, what)
    if objection is not None:
        return Ending(failure=objection, phase="before")
    packages = what.spec.get("applicationPackageReferences")
    if packages:
        failure = await means.packages.bring(packages, what.place.root)
        if failure is not None:
            return Ending(failure=failure, phase="before")
    files = what.spec.get("resourceFiles")
    if files:
        try:
            await fetch_all(files, what.wd, means.ctx.blobs, means.ctx.identities)
        except TransferFailed as error:
            return Ending(failure=error.failure, phase="before")
    if means.ctx.options.users == "map":
        identity = what.spec.get("userIdentity") or {}
        accounts = _pool_of(means.ctx, what).get("userAccounts") or []
        what.user = user_id(identity, accounts, what.place.pool_id, what.directory)
        await asyncio.to_thread(_give, what.directory, what.user)
    return None


def _pool_of(ctx: Context, what: Program) -> Doc:
    pool = ctx.account.pools.get(what.place.pool_id.lower())
    return pool.spec if pool is not None else {}


async def _objection(means: RealExecution, what: Program) -> Failure | None:
    job = means.ctx.account.jobs.get(what.place.job_id.lower())
    is_task = job is not None and what.place.task_id.lower() in job.tasks
    return await means.admission.objection(_pool_of(means.ctx, what), what.spec, is_task=is_task)


def _give(folder: Path, user: int) -> None:
    os.chown(folder, user, user)
    for path in folder.rglob("*"):
        os.chown(path, user, user, follow_symlinks=False)


async def _make_folders(what: Program) -> None:
    try:
        what.directory.mkdir()
    except FileNotFoundError:
        what.directory.mkdir(parents=True)
    except FileExistsError:
        await asyncio.to_thread(shutil.rmtree, what.directory, ignore_errors=True)
        what.directory.mkdir(parents=True, exist_ok=True)
    what.wd.mkdir(exist_ok=True)


def _no_folder(error: OSError) -> Failure:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return Failure(
        "DiskFull" if full else "ResourceDirectoryCreateFailed",
        "The directory of the task could not be made",
        "servererror",
        {"Message": error.strerror or str(error)},
    )


async def _process(ctx: Context, what: Program) -> Ending:
    try:
        argv = shlex.split(str(what.spec["commandLine"]))
    except ValueError as error:
        return _not_launched("CommandLaunchFailed", str(error))
    if not argv:
        return _not_launched("CommandProgramNotFound", "The command line is empty")
    ended = await _launched(ctx, what, _order(what, argv, what.env))
    if ended.refusal:
        code = "CommandProgramNotFound" if ended.not_found else "CommandLaunchFailed"
        return _not_launched(code, ended.refusal)
    return _judged(what, ended)


def _order(what: Program, argv: list[str], env: dict[str, str]) -> Order:
    out, err = what.directory / "stdout.txt", what.directory / "stderr.txt"
    return Order(argv, what.wd, env, out, err, user=what.user, lingers=what.lingers)


async def _launched(ctx: Context, what: Program, order: Order) -> Exit:
    what.process = await ctx.agent.launch(order)
    if what.expired:
        what.process.kill()
    return await asyncio.shield(what.process.ended)


def _judged(what: Program, ended: Exit) -> Ending:
    exit_code = ended.code if ended.code >= 0 else _SIGNAL_BASE - ended.code
    return time_is_up(exit_code) if what.expired else process_ended(exit_code)


async def _container(ctx: Context, containers: Containers, what: Program) -> Ending:
    """Run it in a container; however this ends, the container is gone then."""
    place = what.place
    try:
        async with asyncio.timeout(None) as what.patience:
            container = await containers.create(
                what.spec["containerSettings"],
                shlex.split(str(what.spec.get("commandLine") or "")),
                environment_inside(place, what.env),
                Frame(place.root, place.directory, place.preparation),
            )
    except ContainerFailed as error:
        return Ending(failure=error.failure, phase="before")
    except ValueError as error:
        return _not_launched("CommandLaunchFailed", str(error))
    except TimeoutError:
        return time_is_up(None)
    finally:
        what.patience = None
    try:
        # The engine's program runs in the emulator's own surroundings, not in the task's.
        env = {**os.environ, MARKER: str(what.directory)}
        order = replace(
            _order(what, container.start_command, env),
            removal=container.remove_command,
            user=None,
        )
        ended = await _launched(ctx, what, order)
        refusal = None if what.expired else await container.refusal(ended.code, order.stderr)
        ending = Ending(failure=refusal, phase="before") if refusal else _judged(what, ended)
        return replace(ending, container_id=container.identifier)
    finally:
        await asyncio.shield(container.engine.remove(container.identifier))


def _not_launched(code: str, message: str) -> Ending:
    words = "The specified command program is not found"
    failure = Failure(
        code,
        words
        if code == "CommandProgramNotFound"
        else "The specified command could not be launched",
        details={"Message": message},
    )
    return Ending(failure=failure, phase="before")
