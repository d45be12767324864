"""Drives open deliveries: starts what is due, decides what follows, sleeps until the next."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from emulators.eventgrid import schedule
from emulators.eventgrid.broker import Broker
from emulators.eventgrid.destinations import Destinations
from emulators.eventgrid.schedule import Attempt, GiveUp
from emulators.eventgrid.store import (
    DEAD_LETTERED,
    DEAD_LETTERING,
    DELIVERED,
    DROPPED,
    PENDING,
    Delivery,
)
from emulators.eventgrid.subscriptions import Subscription

PARALLEL = 16
GRACE_WAIT_S = 0.25


@dataclass(frozen=True)
class Pace:
    """How fast time passes, and until when a missing destination counts as still starting."""

    scale: float = 1.0
    grace_until: float = 0.0


class Dispatcher:
    """The delivery loop. Only memory knows a delivery in flight, so a crash repeats it."""

    def __init__(self, broker: Broker, destinations: Destinations, pace: Pace) -> None:
        self._broker = broker
        self._store = broker.store
        self._destinations = destinations
        self._pace = pace
        self._wake = asyncio.Event()
        self._in_flight: dict[int, asyncio.Task[None]] = {}
        self._busy: Counter[str] = Counter()
        self._done: list[Delivery] = []
        self._watchers: list[asyncio.Future[None]] = []
        self._failure: BaseException | None = None
        broker.arrived = self._wake.set

    async def run(self) -> None:
        """Deliver until an unexpected error ends it."""
        while self._failure is None:
            self._wake.clear()
            self._commit()
            self._start_due()
            for watcher in self._watchers:
                if not watcher.done():
                    watcher.set_result(None)
            self._watchers.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause()):
                    await self._wake.wait()
        raise self._failure

    async def stop(self) -> None:
        """Drop attempts in flight; the next start repeats them."""
        for task in self._in_flight.values():
            task.cancel()
        await asyncio.gather(*self._in_flight.values(), return_exceptions=True)
        self._commit()

    async def settled(self, drained: Callable[[], bool]) -> None:
        """Return once the outbox is empty and every due delivery was made, with its second copy if
        it has one."""
        while not (drained() and not self._in_flight and self._store.unsettled(time.time()) == 0):
            watcher = asyncio.get_running_loop().create_future()
            self._watchers.append(watcher)
            await watcher

    def _commit(self) -> None:
        done, self._done = self._done, []
        self._store.update(
            [item for item in done if item.subscription in self._broker.subscriptions],
            time.time(),
        )
        for item in done:
            del self._in_flight[item.seq]

    def _start_due(self) -> None:
        now = time.time()
        for key, subscription in self._broker.subscriptions.items():
            free = PARALLEL - self._busy[key]
            if free <= 0:
                continue
            size = subscription.destination.batch_events
            found = self._store.due(key, now, len(self._in_flight) + free * size)
            fresh = [item for item in found if item.seq not in self._in_flight]
            for batch in self._batches(subscription, fresh)[:free]:
                self._launch(subscription, batch)

    def _batches(self, to: Subscription, found: list[Delivery]) -> list[list[Delivery]]:
        ordered = self._broker.dice.shuffled(found)
        alone = [[item] for item in ordered if item.state == DEAD_LETTERING]
        pending = [item for item in ordered if item.state == PENDING]
        return alone + _split(pending, to.destination.batch_events, to.destination.batch_kilobytes)

    def _launch(self, to: Subscription, batch: list[Delivery]) -> None:
        self._busy[to.key] += 1
        task = asyncio.create_task(self._carry(to, batch))
        task.add_done_callback(self._notice)
        self._in_flight.update(dict.fromkeys((item.seq for item in batch), task))

    def _notice(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self._failure = task.exception()
            self._wake.set()

    async def _carry(self, to: Subscription, batch: list[Delivery]) -> None:
        try:
            outcome = await self._attempt(to, batch)
            self._done.extend(outcome)
        finally:
            self._busy[to.key] -= 1
            self._wake.set()

    async def _attempt(self, to: Subscription, batch: list[Delivery]) -> list[Delivery]:
        now = time.time()
        if batch[0].state == DEAD_LETTERING:
            return [await self._bury(to, batch[0], now)]
        fresh = [item for item in batch if not self._expired(to, item, now)]
        late = [
            self._give_up(to, item, "TimeToLiveExceeded", now)
            for item in batch
            if item not in fresh
        ]
        if not fresh:
            return late
        attempt = await self._destinations.deliver(to, fresh)
        return late + [self._judge(to, item, attempt, time.time()) for item in fresh]

    def _judge(self, to: Subscription, item: Delivery, attempt: Attempt, now: float) -> Delivery:
        if not attempt.delivered and attempt.status in (0, 404) and now < self._pace.grace_until:
            return replace(item, due_at=now + GRACE_WAIT_S)
        tried = replace(
            item,
            attempts=item.attempts + 1,
            attempted_at=now,
            status=attempt.status,
            outcome=attempt.outcome,
        )
        if attempt.delivered:
            return self._after_success(tried, now)
        verdict = schedule.after_failure(
            attempt, tried.attempts, to.retry, self._broker.dice.jitter()
        )
        if isinstance(verdict, GiveUp):
            return self._give_up(to, tried, verdict.reason, now)
        return replace(tried, due_at=now + verdict.wait_s / self._pace.scale)

    def _after_success(self, item: Delivery, now: float) -> Delivery:
        if item.copies == 1:
            return replace(item, state=DELIVERED)
        wait = self._broker.dice.jitter() * self._broker.dice.faults.max_delay_s
        return replace(item, copies=item.copies - 1, due_at=now + wait)

    def _expired(self, to: Subscription, item: Delivery, now: float) -> bool:
        return item.attempts > 0 and schedule.expired(
            to.retry, item.published_at, now, self._pace.scale
        )

    def _give_up(self, to: Subscription, item: Delivery, reason: str, now: float) -> Delivery:
        if to.dead_letter_container is None:
            return replace(item, state=DROPPED, reason=reason)
        wait = schedule.DEAD_LETTER_WAIT_S / self._pace.scale
        return replace(item, state=DEAD_LETTERING, reason=reason, due_at=now + wait)

    async def _bury(self, to: Subscription, item: Delivery, now: float) -> Delivery:
        if await self._destinations.dead_letter(to, item, now):
            return replace(item, state=DEAD_LETTERED)
        if now - item.attempted_at > schedule.DEAD_LETTER_PATIENCE_S / self._pace.scale:
            return replace(item, state=DROPPED)
        return replace(item, due_at=now + schedule.RETRY_WAITS_S[0] / self._pace.scale)

    def _pause(self) -> float | None:
        now = time.time()
        times = (self._store.next_due(key, now) for key in self._broker.subscriptions)
        due = min((time for time in times if time is not None), default=None)
        return None if due is None else max(0.0, due - now)


def _split(items: Sequence[Delivery], count: int, kilobytes: int) -> list[list[Delivery]]:
    batches: list[list[Delivery]] = []
    size = 0
    for item in items:
        length = len(str(item.event.body))
        if not batches or len(batches[-1]) >= count or size + length > kilobytes * 1024:
            batches.append([])
            size = 0
        batches[-1].append(item)
        size += length
    return batches
