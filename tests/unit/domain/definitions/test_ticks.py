from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.definitions.ticks import MAX_TICKS, due_ticks
from pipeline.domain.definitions.trigger import Catchup, ScheduleTrigger
from pipeline.domain.notation.cron import parse_cron
from tests.unit.domain.quick import quick


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def ticks(cron, last, now, zone="UTC", catchup=Catchup.ALL):
    schedule = ScheduleTrigger(cron=cron, time_zone=zone, catchup=catchup)
    return [f"{tick:%m-%d %H:%M:%S}" for tick in due_ticks(schedule, utc(last), utc(now))]


def test_a_weekday_morning_in_london_follows_summer_time():
    found = ticks("0 0 6 * * mon-fri", "2026-10-23T00:00", "2026-10-26T12:00", "Europe/London")
    assert found == ["10-23 05:00:00", "10-26 06:00:00"]


def test_a_time_that_the_clock_skips_fires_once_an_hour_later():
    found = ticks("0 30 2 * * *", "2026-03-28T12:00", "2026-03-30T12:00", "Europe/Berlin")
    assert found == ["03-29 01:30:00", "03-30 00:30:00"]


def test_a_time_that_occurs_twice_fires_once():
    found = ticks("0 30 2 * * *", "2026-10-24T12:00", "2026-10-25T12:00", "Europe/Berlin")
    assert found == ["10-25 00:30:00"]


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
def test_an_interval_does_not_see_the_clock_change(day):
    found = ticks("0 */30 * * * *", f"{day}T00:00", f"{day}T02:59", "Europe/Berlin")
    assert found == [f"{day[5:]} {h:02}:{m:02}:00" for h in range(3) for m in (0, 30)][1:]


def test_two_times_that_the_clock_skips_both_fire():
    found = ticks("0 15,45 2 * * *", "2026-03-28T12:00", "2026-03-29T12:00", "Europe/Berlin")
    assert found == ["03-29 01:15:00", "03-29 01:45:00"]


@pytest.mark.parametrize(
    ("cron", "day", "found"),
    [
        ("0 15 * * * *", "10-03", ["14:45", "15:45", "16:15"]),
        ("0 */30 * * * *", "10-03", ["14:30", "15:00", "15:30", "16:00", "16:30", "17:00"]),
        ("0 15 2 * * *", "10-03", ["15:45"]),
        ("0 45 * * * *", "04-04", ["14:45", "15:15", "16:15"]),
        ("0 45 1 * * *", "04-04", ["14:45"]),
    ],
)
def test_a_clock_change_of_half_an_hour_loses_no_tick(cron, day, found):
    got = ticks(cron, f"2026-{day}T14:00", f"2026-{day}T17:00", "Australia/Lord_Howe")
    assert got == [f"{day} {time}:00" for time in found]


def test_five_fields_fire_at_second_0():
    assert ticks("30 6 * * 1", "2026-01-01T00:00", "2026-01-12T12:00") == [
        "01-05 06:30:00",
        "01-12 06:30:00",
    ]


def test_the_last_tick_does_not_fire_again_and_the_final_moment_is_due():
    assert ticks("*/30 * * * * *", "2026-01-01T10:00:00", "2026-01-01T10:01:00") == [
        "01-01 10:00:30",
        "01-01 10:01:00",
    ]


def test_day_and_weekday_must_both_match():
    assert ticks("0 0 0 13 * fri", "2026-01-01T00:00", "2026-06-01T00:00") == [
        "02-13 00:00:00",
        "03-13 00:00:00",
    ]


@pytest.mark.parametrize(
    ("catchup", "found"),
    [
        (Catchup.ALL, ["01-01 01:00:00", "01-01 02:00:00", "01-01 03:00:00"]),
        (Catchup.LAST, ["01-01 03:00:00"]),
        (Catchup.NONE, []),
    ],
)
def test_missed_ticks_are_caught_up_as_the_schedule_says(catchup, found):
    assert ticks("0 0 * * * *", "2026-01-01T00:00", "2026-01-01T03:30", catchup=catchup) == found


@pytest.mark.parametrize("catchup", list(Catchup))
def test_a_tick_in_time_is_due_whatever_the_catch_up(catchup):
    found = ticks("0 0 * * * *", "2026-01-01T02:59", "2026-01-01T03:00:20", catchup=catchup)
    assert found == ["01-01 03:00:00"]


def test_the_last_missed_tick_is_found_after_years():
    found = ticks("0 0 0 29 2 *", "2020-01-01T00:00", "2027-12-01T00:00", catchup=Catchup.LAST)
    assert found == ["02-29 00:00:00"]


def test_catching_up_is_bounded_and_goes_on_where_it_stopped():
    schedule = ScheduleTrigger(cron="0 * * * * *", catchup=Catchup.ALL)
    first = due_ticks(schedule, utc("2026-01-01"), utc("2026-01-03"))
    again = due_ticks(schedule, first[-1], utc("2026-01-03"))
    assert len(first) == MAX_TICKS
    assert again[0] - first[-1] == timedelta(minutes=1)


@quick
@given(
    st.sampled_from(["0 30 2 * * *", "0 */20 * * * *", "15 0 0,12,23 * * *", "0 0 6 * * 1-5"]),
    st.sampled_from(
        [
            "Europe/Berlin",
            "America/St_Johns",
            "Australia/Lord_Howe",
            "Pacific/Kiritimati",
            "Pacific/Apia",
        ]
    ),
    st.integers(0, 330 * 86_400),
    st.lists(st.integers(1, 40_000), min_size=2, max_size=5),
)
def test_asking_often_finds_the_same_ticks_as_asking_once(cron, zone, start, steps):
    schedule = ScheduleTrigger(cron=cron, time_zone=zone, catchup=Catchup.ALL)
    first = now = utc("2026-01-01") + timedelta(seconds=start)
    last, often = first, []
    for step in steps:
        now += timedelta(seconds=step)
        found = due_ticks(schedule, last, now)
        often += found
        last = found[-1] if found else last
    assert often == due_ticks(schedule, first, now)
    assert often == sorted(set(often))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("6 * * *", "has 4 fields. Write six"),
        ("@daily", "or five without the second"),
        ("60 0 0 * * *", "'60' is not a valid second: it must be between 0 and 59"),
        ("0 0 24 * * *", "not a valid hour"),
        ("0 0 0 0 * *", "not a valid day: it must be between 1 and 31"),
        ("0 0 0 * foo *", "not a valid month"),
        ("0 0 0 * * 7", "not a valid weekday: it must be between 0 and 6, and Sunday is 0"),
        ("0 0 0 * * mo", "not a valid weekday"),
        ("0 */0 * * * *", "must be above 0"),
        ("0 30-10 * * * *", "ends before it starts"),
        ("0 *-5 * * * *", "'*-5' is not a valid minute"),
        ("0 1,,2 * * * *", "'' is not a valid minute"),
        ("0 0 0 31 feb,jun *", "never fires"),
    ],
)
def test_a_wrong_expression_names_its_field(text, said):
    with pytest.raises(ValueError) as caught:
        parse_cron(text)
    assert said in str(caught.value)


def test_steps_ranges_lists_and_names_are_understood():
    cron = parse_cron("10/20 1-5/2 0,12 1 JAN-March sun")
    assert (cron.seconds, cron.minutes, cron.hours) == ((10, 30, 50), (1, 3, 5), (0, 12))
    assert (cron.months, cron.weekdays) == ((1, 2, 3), (0,))
