"""The emulated clock: by itself, and in waits that would really take hours."""

import asyncio
from datetime import timedelta

from azure.batch import models

from emulators.batch.clock import Clock
from tests.emulators.batch.running import Emulator
from tests.patience import until


def test_a_standing_clock_strikes_nothing_until_it_is_moved() -> None:
    async def story() -> list[str]:
        clock, struck = Clock(speed=0), []
        clock.after(10, lambda: struck.append("ten"))
        clock.after(0, lambda: struck.append("zero"))
        cancelled = clock.after(5, lambda: struck.append("five"))
        cancelled.cancel()
        await asyncio.sleep(0.01)
        assert struck == []
        await clock.advance(timedelta(seconds=9))
        assert struck == ["zero"]
        await clock.advance(timedelta(seconds=1))
        return struck

    assert asyncio.run(story()) == ["zero", "ten"]


def test_nothing_that_is_due_at_a_moment_happens_a_microsecond_before_it() -> None:
    """A clock that was started anew is somewhere between two microseconds of the one before."""

    async def story() -> list[timedelta]:
        late: list[timedelta] = []
        for number in range(2_000):
            due = Clock(speed=0, began=1_796_000_000 + number / 7_919).now()
            clock = Clock(speed=0, began=1_796_000_000 - 600 + number / 7_927)
            clock.at(due, lambda due=due, clock=clock: late.append(clock.now() - due))
            await clock.advance(timedelta(minutes=11))
        return late

    late = asyncio.run(story())
    assert late == [timedelta()] * 2_000


def test_a_clock_that_is_moved_often_stays_at_whole_microseconds() -> None:
    async def story() -> list[timedelta]:
        late: list[timedelta] = []
        for number in range(200):
            clock = Clock(speed=0, began=1_796_000_000 + number / 7_919)
            began = clock.now()
            for minute in range(1, 31):
                due = began + timedelta(minutes=minute)
                clock.at(due, lambda due=due, clock=clock: late.append(clock.now() - due))
                await clock.advance(timedelta(seconds=59.9))
                await clock.advance(timedelta(seconds=0.1))
                assert clock.now() == due
        return late

    assert asyncio.run(story()) == [timedelta()] * 6_000


def test_each_timer_on_the_way_sees_its_own_moment() -> None:
    async def story() -> list[float]:
        clock, seen = Clock(speed=0), []
        began = clock.seconds()

        async def every_minute() -> None:
            while True:
                await clock.sleep(60)
                seen.append(clock.seconds() - began)

        work = asyncio.create_task(every_minute())
        await asyncio.sleep(0)
        await clock.advance(timedelta(minutes=3))
        work.cancel()
        return seen

    assert [round(moment) for moment in asyncio.run(story())] == [60, 120, 180]


def test_a_fast_clock_lets_an_hour_pass_in_a_moment() -> None:
    asyncio.run(asyncio.wait_for(Clock(speed=100_000).sleep(3600), 5))


def test_moving_the_clock_ends_a_job_whose_time_is_up_and_signatures_still_hold(
    emulator: Emulator,
) -> None:
    emulator.add_pool("clock", nodes=0)
    limit = models.BatchJobConstraints(max_wall_clock_time=timedelta(hours=1))
    emulator.add_job("clock", "clock", constraints=limit)
    emulator.admin("POST", "/_admin/clock", {"seconds": 3601})
    job = until(lambda: _if_completed(emulator.client.get_job("clock")))
    assert job.execution_info.termination_reason == "MaxWallClockTimeExpiry"


def test_moving_the_clock_kills_a_task_whose_time_is_up(emulator: Emulator) -> None:
    emulator.add_pool("clock-task")
    emulator.add_job("clock-task", "clock-task")
    limit = models.BatchTaskConstraints(max_wall_clock_time=timedelta(hours=1))
    emulator.add_task("clock-task", "long", "sleep 1000", constraints=limit)
    until(lambda: emulator.client.get_task("clock-task", "long").state == "running")
    emulator.admin("POST", "/_admin/clock", {"seconds": 3601})
    task = emulator.finished("clock-task", "long")
    assert task.execution_info.result == "failure"


def _if_completed(job: models.BatchJob) -> models.BatchJob | None:
    return job if job.state == "completed" else None
