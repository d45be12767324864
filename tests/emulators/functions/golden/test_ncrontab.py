"""Schedule expressions: what Azure takes, as what, and the next six times."""

from datetime import datetime, timedelta

import pytest

from emulators.functions.timer.schedule import Schedule
from tests.emulators.functions.golden.cases import Case, each, hold
from tests.emulators.functions.golden.moments import utc


@each("ncrontab")
def test_an_expression_is_read_as_azure_reads_it(case):
    hold(case, replay)


def replay(case: Case) -> None:
    expression, then = case["given"]["expression"], case["then"]
    if then["taken_as"] == "rejected":
        with pytest.raises(ValueError, match="neither"):
            Schedule(expression)
        return
    schedule = Schedule(expression)
    assert schedule.is_monitored == then["use_monitor"]
    moment, allowed = utc(case["given"]["base"]), timedelta()
    for following in then["next"]:
        if isinstance(following, dict):
            with pytest.raises(OverflowError):
                schedule.next_after(moment)
            return
        moment = schedule.next_after(moment)
        # Time spans have 100 ns there, whole microseconds here.
        allowed += timedelta(microseconds=then["taken_as"] == "timespan")
        assert abs(moment - utc(following)) <= allowed


def test_the_last_moment_of_the_calendar_is_an_answer():
    assert Schedule("0 0 0 30 2 *").next_after(utc("2026-01-01")) == datetime.max.replace(
        tzinfo=utc("2026-01-01").tzinfo
    )
