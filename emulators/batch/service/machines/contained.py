"""Runs a command of a node in a container."""

import asyncio
import os
import shlex
from dataclasses import replace

from emulators.batch.agent.environment import MARKER, environment_inside
from emulators.batch.containers.command import Frame
from emulators.batch.containers.runtime import ContainerFailed, Containers
from emulators.batch.scheduler.verdict import Ending, time_is_up
from emulators.batch.service.context import Context
from emulators.batch.service.machines.program import (
    Program,
    judged,
    launched,
    not_launched,
    order_of,
)


async def run_contained(ctx: Context, containers: Containers, what: Program) -> Ending:
    """Run it in a container, and remove the container however the run ends."""
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
        return not_launched("CommandLaunchFailed", str(error))
    except TimeoutError:
        return time_is_up(None)
    finally:
        what.patience = None
    try:
        # The engine's program runs in the environment of the emulator, not in that of the task.
        env = {**os.environ, MARKER: str(what.directory)}
        order = replace(
            order_of(what, container.start_command, env),
            removal=container.remove_command,
            lingers=False,
            user=None,
        )
        ended = await launched(ctx, what, order)
        refusal = None if what.expired else await container.refusal(ended.code, order.stderr)
        ending = Ending(failure=refusal, phase="before") if refusal else judged(what, ended)
        return replace(ending, container_id=container.identifier)
    finally:
        await asyncio.shield(container.engine.remove(container.identifier))
