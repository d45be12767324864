"""The containers of one emulator: created for a task, and removed whatever happens."""

import asyncio
import hashlib
import os
import re
import uuid
from dataclasses import dataclass, replace
from pathlib import Path

from emulators.batch.containers.command import Wanted, create_arguments, surroundings
from emulators.batch.containers.engine import Engine, find_engine
from emulators.batch.containers.failures import failed, invalid_settings
from emulators.batch.containers.images import ensure_image
from emulators.batch.containers.logins import Opens, objection_to
from emulators.batch.containers.options import InvalidSettings
from emulators.batch.containers.remains import Remains
from emulators.batch.document import Doc
from emulators.batch.scheduler.verdict import Failure

_NO_PROGRAM = re.compile(r"exec: .*(executable file not found|no such file or directory)")
_READ_BYTES = 4096


class ContainerFailed(Exception):
    """A container could not be created; the error carries the failure of the task."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Container:
    """A container that exists but has not started."""

    engine: Engine
    identifier: str

    @property
    def start_command(self) -> list[str]:
        """Return the command that runs it and ends with its exit code."""
        return [self.engine.path, "start", "--attach", *self.engine.deaf, self.identifier]

    @property
    def remove_command(self) -> list[str]:
        """Return the command that kills and removes it."""
        return [self.engine.path, "rm", "--force", *self.engine.at_once, self.identifier]

    async def remains(self, errors: Path) -> Remains:
        """Look at it after its end; `errors` holds what the engine says if it could not start."""
        shown = await self.engine.call("inspect", self.identifier)
        found = Remains.read(self.identifier, shown.out if shown.code == 0 else "")
        return found if found.started or found.error else replace(found, error=_said(errors))

    def refusal(self, remains: Remains) -> Failure | None:
        """Return why its program never started, or None if the exit code is the program's own."""
        if remains.started:
            return None
        if _NO_PROGRAM.search(remains.error):
            words = "The specified command program is not found"
            return Failure("CommandProgramNotFound", words, details={"Message": remains.error})
        return failed(remains.error or "The engine could not start the container.")


def _said(errors: Path) -> str:
    with errors.open("rb") as file:
        return file.read(_READ_BYTES).decode(errors="replace").strip()


class Containers:
    """Finds the engine when a task wants the first container, not earlier."""

    def __init__(self, choice: str, data: Path, opens: Opens) -> None:
        self._choice, self._trace, self._opens = choice, data / "containers", opens
        self._label = owner_label(data)
        self._engine: Engine | None = None
        self._sought = False
        self._seeking = asyncio.Lock()
        self._pulling: dict[str, asyncio.Lock] = {}

    async def clear(self) -> None:
        """Remove the containers that an earlier process left; this costs nothing if it never had
        one."""
        if self._trace.exists() and (engine := await self._find()) is not None:
            await engine.remove_labelled(self._label)

    async def ensure_images(self, configuration: Doc) -> Failure | None:
        """Make sure that every image of a pool is here, or return which one is missing and why."""
        registries = configuration.get("containerRegistries") or []
        objection = objection_to(registries)
        if objection is not None:
            return objection
        for image in configuration.get("containerImageNames") or ():
            failure = await self._ensure(str(image), registries)
            if failure is not None:
                return failure
        return None

    async def create(self, wanted: Wanted) -> Container:
        """Create the container of a task; raises ContainerFailed."""
        try:
            # The agent reads the settings before it pulls anything.
            create_arguments(wanted)
        except InvalidSettings as error:
            failure = invalid_settings(error.settings, str(error))
            raise ContainerFailed(failure) from error
        own = [wanted.settings["registry"]] if wanted.settings.get("registry") else []
        objection = objection_to(own) or await self._ensure(
            wanted.image, [*own, *wanted.registries]
        )
        engine = await self._find()
        if objection is not None or engine is None:
            raise ContainerFailed(objection or self._none())
        arguments = create_arguments(wanted, engine.identity(wanted.user))
        return await self._made(engine, arguments, surroundings(wanted.env, os.environ))

    async def _made(self, engine: Engine, arguments: list[str], env: dict[str, str]) -> Container:
        self._trace.touch()
        run = f"fanfare.run={uuid.uuid4().hex}"
        labels = ("--label", self._label, "--label", run)
        try:
            answer = await engine.call("create", *engine.flags, *labels, *arguments, env=env)
        except asyncio.CancelledError:
            await engine.remove_labelled(run)
            raise
        identifier = (answer.out.split() or [""])[-1]
        if answer.code or not identifier.isalnum():
            await engine.remove_labelled(run)
            raise ContainerFailed(failed(answer.reason))
        return Container(engine, identifier)

    async def _ensure(self, image: str, registries: list[Doc]) -> Failure | None:
        engine = await self._find()
        if engine is None:
            return self._none()
        # Nodes that want the same image share one pull.
        async with self._pulling.setdefault(image, asyncio.Lock()):
            return await ensure_image(engine, image, registries, self._opens)

    async def _find(self) -> Engine | None:
        async with self._seeking:
            if not self._sought:
                self._engine = await find_engine(self._choice)
                self._sought = True
        return self._engine

    def _none(self) -> Failure:
        reason = (
            "container tasks are switched off (--container-engine none)"
            if self._choice == "none"
            else "install podman (and runc) or start docker, then restart the emulator"
        )
        return failed(f"The node has no container engine: {reason}.")


def owner_label(data: Path) -> str:
    """Return the label of all containers that belong to the emulator of a data folder."""
    return f"fanfare.batch={hashlib.sha256(str(data).encode()).hexdigest()[:16]}"
