"""What only an emulator has: health, state, faults, time, preemption. No signature, loopback
only."""

import asyncio
import json
from datetime import timedelta
from typing import Any

from aiohttp import web

from emulators._json import parse_json
from emulators._porter import read_body
from emulators.batch.document import Doc, stamp
from emulators.batch.errors import BatchError
from emulators.batch.faults import BadRule, parse_rules
from emulators.batch.model.states import JobState, PoolState, ScheduleState
from emulators.batch.service.emulator import Emulator
from emulators.batch.service.nodes.life import preempt
from emulators.batch.service.pace import Waiting
from emulators.batch.wire.routes import OPERATIONS

_RESET_LIMIT_S = 30.0
_MOST_BYTES = 1 << 20
_HURRY = timedelta(seconds=10)
_MOST_SECONDS = 315_360_000


class Admin:
    """The routes below /_admin, and /health."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get("/health", self.health),
            web.get("/_admin/state", self.state),
            web.get("/_admin/warnings", self.warnings),
            web.get("/_admin/faults", self.list_faults),
            web.post("/_admin/faults", self.add_faults),
            web.delete("/_admin/faults", self.reset_faults),
            web.post("/_admin/tick", self.tick),
            web.post("/_admin/clock", self.advance),
            web.post("/_admin/reset", self.reset),
            web.post("/_admin/nodes/{pool}/{node}/preempt", self.preempt),
        ]

    async def health(self, _: web.Request) -> web.Response:
        """Tell that the service answers."""
        return web.json_response({"status": "ok", "service": "batch"})

    async def state(self, _: web.Request) -> web.Response:
        """Show a summary of the account."""
        account = self._emulator.ctx.account
        pools: list[Doc] = []
        for pool in account.pools.values():
            nodes = {node.id: str(node.state) for node in pool.nodes.values()}
            pools.append(
                {
                    "id": pool.id,
                    "state": pool.state,
                    "allocationState": pool.allocation,
                    "targets": {"dedicated": pool.target_dedicated, "spot": pool.target_spot},
                    "resizeErrors": pool.resize_errors,
                    "autoScaleRun": pool.autoscale_run,
                    "nodes": nodes,
                }
            )
        jobs = [
            {"id": job.id, "state": job.state, "poolId": job.pool_id, **job.counts.document()}
            for job in account.jobs.values()
        ]
        schedules = [
            {"id": schedule.id, "state": schedule.state, "jobs": schedule.made}
            for schedule in account.schedules.values()
        ]
        running = [{"jobId": job, "taskId": task} for job, task in self._emulator.ctx.runs]
        found = {"pools": pools, "jobs": jobs, "schedules": schedules, "running": running}
        return web.json_response({"now": stamp(self._emulator.ctx.clock.now()), **found})

    async def warnings(self, _: web.Request) -> web.Response:
        """Show what tasks did that would fail in the cloud."""
        return web.json_response({"warnings": list(self._emulator.ctx.advice.documents())})

    async def list_faults(self, _: web.Request) -> web.Response:
        """Show the rules in force."""
        return web.json_response(self._emulator.ctx.faults.document())

    async def add_faults(self, request: web.Request) -> web.Response:
        """Put rules in force: a JSON list of them, or one."""
        try:
            rules = parse_rules(await _json(request), OPERATIONS)
        except BadRule as error:
            raise _refused(str(error)) from error
        self._emulator.ctx.faults.add(rules)
        return await self.list_faults(request)

    async def reset_faults(self, request: web.Request) -> web.Response:
        """Return to the profile's own rules."""
        self._emulator.ctx.faults.reset()
        return await self.list_faults(request)

    async def tick(self, request: web.Request) -> web.Response:
        """Release waiting steps with manual timing: all, or those that the body selects."""
        body = await _json(request) if request.can_read_body else {}
        pace = self._emulator.ctx.pace
        released = [_told(one) for one in pace.tick(**_choice(body))]
        await asyncio.sleep(0)
        return web.json_response(
            {"released": released, "waiting": [_told(one) for one in pace.waiting()]}
        )

    async def advance(self, request: web.Request) -> web.Response:
        """Move the clock forward by {"seconds": n}, through everything that is due on the way."""
        body = await _json(request)
        seconds = body.get("seconds") if isinstance(body, dict) else None
        if not isinstance(seconds, int | float) or not 0 <= seconds <= _MOST_SECONDS:
            raise _refused(f'The body must be {{"seconds": a number from 0 to {_MOST_SECONDS}}}.')
        await self._emulator.ctx.clock.advance(timedelta(seconds=seconds))
        self._emulator.sampler.save()
        return web.json_response({"now": self._emulator.ctx.clock.now().isoformat()})

    async def reset(self, _: web.Request) -> web.Response:
        """Delete every schedule, job and pool, forget the faults, and answer once all are gone."""
        emulator = self._emulator
        for schedule in list(emulator.ctx.account.schedules.values()):
            if schedule.state is not ScheduleState.DELETING:
                emulator.schedules.delete(schedule)
        for job in list(emulator.ctx.account.jobs.values()):
            if job.state is not JobState.DELETING:
                emulator.jobs.delete(job)
        for pool in list(emulator.ctx.account.pools.values()):
            if pool.state is not PoolState.DELETING:
                emulator.pools.delete(pool)
        emulator.ctx.faults.reset()
        await self._emptied()
        return web.json_response({})

    async def _emptied(self) -> None:
        """Wait for deletions and hurry what is only emulated, so that nobody has to tick for a
        reset."""
        ctx = self._emulator.ctx
        deadline = asyncio.get_running_loop().time() + _RESET_LIMIT_S
        while ctx.account.pools or ctx.account.jobs or ctx.account.schedules:
            if asyncio.get_running_loop().time() > deadline:
                raise web.HTTPServiceUnavailable(
                    text="The account is not empty yet: repeat the request."
                )
            ctx.pace.tick()
            if ctx.options.timing == "timed":
                await ctx.clock.advance(_HURRY)
            await asyncio.sleep(0.005)
        ctx.save()

    async def preempt(self, request: web.Request) -> web.Response:
        """Take a node away as the cloud does."""
        try:
            pool = self._emulator.ctx.account.pool(request.match_info["pool"])
            node = pool.node(request.match_info["node"])
        except BatchError as error:
            return web.json_response({"error": error.code}, status=error.status)
        preempt(self._emulator.ctx, pool, node)
        return web.json_response({"node": node.id, "state": node.state})


def _told(one: Waiting) -> Doc:
    return {"phase": one.phase, "subject": one.subject}


def _choice(body: object) -> dict[str, Any]:
    """Read which steps to release; raises the answer to a malformed body."""
    if isinstance(body, dict) and set(body) <= {"count", "phase", "subject"}:
        count = body.get("count", 0)
        texts = (body.get("phase", "*"), body.get("subject", "*"))
        if type(count) is int and count >= 0 and all(isinstance(one, str) for one in texts):
            return body
    raise _refused(
        'The body may hold {"count": a whole number, "phase": a pattern, "subject": a pattern}.'
    )


async def _json(request: web.Request) -> object:
    raw = await read_body(request, _MOST_BYTES)
    try:
        return parse_json(raw)
    except ValueError as error:
        raise _refused(f"The body is not JSON: {str(error)[:200]}") from error


def _refused(reason: str) -> web.HTTPBadRequest:
    return web.HTTPBadRequest(text=json.dumps({"error": reason}), content_type="application/json")
