"""The real machine: nodes are folders, and commands run on them as processes or containers."""

import asyncio
import errno
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from emulators.batch.agent import rights
from emulators.batch.agent.beneath import remove
from emulators.batch.agent.environment import Place, environment
from emulators.batch.agent.users import user_id
from emulators.batch.containers.runtime import Containers
from emulators.batch.document import Doc, seconds_of, stamp
from emulators.batch.model.node import Node
from emulators.batch.model.usage import Usage
from emulators.batch.packages.deploy import Deployment
from emulators.batch.scheduler.verdict import Ending, Failure, time_is_up
from emulators.batch.service.context import Context
from emulators.batch.service.machines.admission import Admission
from emulators.batch.service.machines.contained import run_contained
from emulators.batch.service.machines.node_image import NodeImage
from emulators.batch.service.machines.node_logs import NodeLogs
from emulators.batch.service.machines.program import Program, pool_of, run_process
from emulators.batch.transfer.identities import TransferFailed
from emulators.batch.transfer.output_files import Upload, planned, upload_all
from emulators.batch.transfer.resource_files import fetch_all
from emulators.batch.transfer.upload_log import UploadLog


class RealMachine:
    """Folders below the data folder, and processes under the agent."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._containers = Containers(
            ctx.options.container_engine, ctx.options.data, ctx.identities.login
        )
        self._packages = Deployment(ctx.catalogue)
        self._admission = Admission(ctx.options.missing_gpu)
        self._logs = NodeLogs()

    async def start(self) -> None:
        """Start the agent, which kills what an earlier agent may have left."""
        await self._ctx.agent.start()
        await asyncio.to_thread(self._make_image)
        await self._containers.clear()

    def _make_image(self) -> None:
        image, options = NodeImage.of(self._ctx.options), self._ctx.options
        image.make()
        if options.users == "map":
            rights.open_way(options.data, self._ctx.nodes_root, image.folder)

    async def close(self) -> None:
        """End the agent and, with it, every program."""
        await self._ctx.agent.close()
        self._logs.flush()

    def furnish(self, node: Node) -> None:
        """Make the folders that every node has."""
        self._ctx.folders(node).create()
        if self._ctx.options.users == "map":
            rights.open_node(self._ctx.folders(node))

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
        """Delete a folder, in a thread because it may be large."""
        await asyncio.to_thread(remove, folder, self._ctx.options.data)

    async def scrap(self, node: Node) -> None:
        """Delete a node's folders and its logs."""
        await self.clear(self._ctx.folders(node).root)
        self._logs.forget(self._log_folder(node))
        await self.clear(self._log_folder(node))

    def note(self, node: Node, what: str) -> None:
        """Write down what happened on a node."""
        self._logs.note(self._log_folder(node), f"{stamp(self._ctx.clock.now())} {what}")

    def logs(self, node: Node, since: datetime, until: datetime | None) -> list[Path]:
        """Return the log files with a line of this period."""
        return list(self._logs.between(self._log_folder(node), since, until))

    def _log_folder(self, node: Node) -> Path:
        # Beside the node's folder, because the node's tasks see and may list that.
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

    def has_left(self) -> bool:
        """Tell whether it lingers and left something running."""
        process = self.what.process
        return process is not None and process.ended.done() and not process.gone.is_set()

    def usage(self) -> Usage | None:
        """Return what its process used. A container's processes are children of the engine, so
        unknown."""
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
        uploads = planned(
            outputs, self.what.wd, self.ctx.options.data, self.what.env, succeeded=succeeded
        )
        arrange(uploads)
        told = UploadLog()
        try:
            await upload_all(uploads, self.ctx.blobs, self.ctx.identities, disturb, told.note)
        finally:
            if uploads:
                told.write(self.what.directory)


def program(ctx: Context, node: Node, spec: Doc, directory: Path, **where: str) -> Program:
    """Describe a command on a node; `where` names job and task."""
    root = ctx.folders(node).root
    job = ctx.account.jobs.get(where.get("job_id", "").lower())
    prepares = (job.spec.get("jobPreparationTask") or {}).get("id") if job is not None else None
    preparation = None
    if prepares and prepares != where.get("task_id"):
        # The preparation itself does not get these variables.
        preparation = ctx.folders(node).task(where["job_id"], prepares)
    place = Place(
        account=ctx.options.account,
        account_url=ctx.endpoint,
        pool_id=node.pool_id,
        node_id=node.id,
        dedicated=node.dedicated,
        root=root,
        directory=directory,
        path=NodeImage.of(ctx.options).path,
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
            return await run_contained(ctx, means.containers, what)
        return await run_process(ctx, what)
    finally:
        if timer is not None:
            timer.cancel()


async def _prepared(means: RealExecution, what: Program) -> Ending | None:
    """Prepare everything; the time limit interrupts even a download."""
    try:
        async with asyncio.timeout(None) as what.patience:
            return await _before(means, what)
    except TimeoutError:
        return time_is_up(None)
    finally:
        what.patience = None


async def _before(means: RealExecution, what: Program) -> Ending | None:
    try:
        await _make_folders(what, means.ctx.options.data)
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
        accounts = pool_of(means.ctx, what).get("userAccounts") or []
        what.user = user_id(identity, accounts, what.place.pool_id, what.directory)
        root, shares = what.place.root, _is_task(means.ctx, what)
        await asyncio.to_thread(rights.give, what.directory, root, what.user, shares=shares)
    return None


async def _objection(means: RealExecution, what: Program) -> Failure | None:
    pool, is_task = pool_of(means.ctx, what), _is_task(means.ctx, what)
    # The coordination command of a multi-instance task runs on the host, whatever its task does.
    spec = _task_of(means.ctx, what) if is_task else what.spec
    return await means.admission.objection(pool, spec, is_task=is_task)


def _task_of(ctx: Context, what: Program) -> Doc:
    return ctx.account.jobs[what.place.job_id.lower()].tasks[what.place.task_id.lower()].spec()


def _is_task(ctx: Context, what: Program) -> bool:
    """Tell whether it is a task of a job, not one that prepares or cleans."""
    job = ctx.account.jobs.get(what.place.job_id.lower())
    return job is not None and what.place.task_id.lower() in job.tasks


async def _make_folders(what: Program, data: Path) -> None:
    above = [one for one in what.directory.parents if one.is_relative_to(data)]
    if any(one.is_symlink() for one in above if one != data):
        raise OSError(errno.ELOOP, "A program put a link in the place of a folder of its node")
    try:
        what.directory.mkdir()
    except FileNotFoundError:
        what.directory.mkdir(parents=True)
    except FileExistsError:
        await asyncio.to_thread(remove, what.directory, data)
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
