"""Timers: what a start decides, a listener in virtual time, clock changes, stored status."""

import json
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from emulators.functions.errors import StartError
from emulators.functions.timer.listener import timer_call
from emulators.functions.timer.schedule import Schedule, TimerStatus, decide_start
from emulators.functions.timespans import parse_span
from tests.emulators.functions.golden.cases import Case, each, hold
from tests.emulators.functions.golden.moments import utc
from tests.emulators.functions.golden.timer import RecordedTimer

YEAR_1 = utc("0001-01-01")


@each("timers")
def test_a_timer_does_what_azure_does(case, tmp_path):
    kind = case["id"].split("-")[0]
    replays = {
        "pd": replay_start, "dst": replay_walk, "usemon": replay_monitoring, "class": replay_class,
    }  # fmt: skip
    listening = {
        "iv": replay_wait, "live": replay_live, "dstlive": replay_change,
        "badstatus": replay_status, "store": not_here,
    }  # fmt: skip
    if kind in replays:
        hold(case, replays[kind])
    else:
        hold(case, lambda case: listening[kind](case, tmp_path))


def not_here(case: Case, *_: object) -> None:
    raise NotImplementedError(case["id"])


def replay_start(case: Case) -> None:
    given, then = case["given"], case["then"]
    stored = status_of(given["stored"]) if given["stored"] else None
    now = utc(given["now"])
    decision = decide_start(Schedule(given["expression"]), stored, now, run_on_startup=False)
    assert decision.past_due == then["past_due"]
    assert decision.run_now == then["past_due"]
    if then["past_due"]:
        assert (now - decision.status.next).total_seconds() == then["past_due_seconds"]
    assert ([decision.stored] if decision.stored else []) == [*map(status_of, then["written"])]
    if then["status_object_after"]:
        assert decision.status == status_of(then["status_object_after"])


def status_of(stored: dict[str, str]) -> TimerStatus:
    last, following, updated = (utc(stored[name]) for name in ("Last", "Next", "LastUpdated"))
    return TimerStatus(
        None if last == YEAR_1 else last, following, None if updated == YEAR_1 else updated
    )


def replay_wait(case: Case, folder: Path) -> None:
    """A timer that last fired a year before `next` fires after the recorded wait."""
    if "now" not in case["given"]:
        not_here(case)
    following = utc(case["given"]["next"])
    last = following.replace(year=following.year - 1).isoformat()
    timer = RecordedTimer(folder, f"{following:%S %M %H %d %m} *", case["given"]["now"])
    timer.store({"Last": last, "Next": following.isoformat(), "LastUpdated": last})
    timer.listen(case["then"]["wait_seconds"] + 1)
    (fired,) = timer.runs
    assert fired["at_s"] == pytest.approx(case["then"]["wait_seconds"], abs=1e-6)


def replay_walk(case: Case) -> None:
    given = case["given"]
    schedule, moment = Schedule(given["expression"], ZoneInfo(given["zone"])), given["start_utc"]
    moment, fires = utc(moment), []
    for _ in case["then"]["fires_5.1"]:
        moment = schedule.next_after(moment)
        fires.append(moment)
    assert fires == [utc(fire["utc"]) for fire in case["then"]["fires_5.1"]]


def replay_monitoring(case: Case) -> None:
    assert Schedule(case["given"]["expression"]).is_monitored == case["then"]["5.1"]


def replay_class(case: Case) -> None:
    what = case["given"]["what"]
    if not what.startswith("ConstantSchedule") or "with" in what:
        not_here(case)
    schedule, moment = Schedule(what[len("ConstantSchedule(") : -1]), utc(case["given"]["base"])
    for following in case["then"]["next"]:
        moment = schedule.next_after(moment)
        assert moment == utc(following)


SOON_S = 0.15  # a .NET host needs some time for its first call
BEGINNING = utc("2026-11-28T18:00:00")
EVERY_3_S = "*/3 * * 28 11 *"  # monitored, because there are days without it
LIVE = {
    "StartupDueNoMonitor": (EVERY_3_S, {"useMonitor": False, "runOnStartup": True}),
    "DueMinute": ("24 * * * * *", {}),
    "SpanMinute": ("00:01:00", {"runOnStartup": True}),
    "ThrowsDue": ("24 * * * * *", {"fails": True}),
    "Startup": (EVERY_3_S, {"runOnStartup": True}),
    "SettingExpr": ("00:00:02", {}),
    "Throws": (EVERY_3_S, {"fails": True}),
    "Slow": (EVERY_3_S, {"takes_s": 7}),
    "NoMon": (EVERY_3_S, {"useMonitor": False}),
    "SlowCron": ("*/3 * * * * *", {"takes_s": 4}),
    "Cron3": ("*/3 * * * * *", {}),
    "Span3": ("00:00:03", {}),
    "SlowSpan": ("00:00:03", {"takes_s": 1}),
    "SlowerSpan": ("00:00:03", {"takes_s": 5}),
}
"""Expression and traits of each recorded function; the others run every 3 s, monitored."""


def replay_live(case: Case, folder: Path) -> None:
    if case["id"] in {"live-002", "live-details"}:
        not_here(case)
    if "function" not in case["given"]:
        {"live-badmonitor": replay_unreadable, "live-negative": replay_negative,
         "live-json": replay_json, "live-host": replay_stop, "live-stop": replay_stop,
        }[case["id"]](case, folder)  # fmt: skip
        return
    expression, traits = LIVE.get(case["given"]["function"], (EVERY_3_S, {}))
    begins = 36.0 if "restart" in case["given"]["what"] else 0.774
    timer = RecordedTimer(folder, expression, BEGINNING, begins_s=begins, **traits)
    if seed := case["given"].get("seed"):
        timer.store({name: timer.moment(at).isoformat() for name, at in seed.items()})
    wanted = [event for event in case["then"]["events_5.1"] if "event" not in event]
    timer.listen(wanted[-1]["at_s"] + 0.05 - begins)
    assert [run["IsPastDue"] for run in timer.runs] == [run["IsPastDue"] for run in wanted]
    for run, recorded in zip(timer.runs, wanted, strict=True):
        assert run["at_s"] == pytest.approx(recorded["at_s"], abs=SOON_S)
        assert timer.seconds_of(run["ScheduleStatus"]) == near(recorded["ScheduleStatus"])
    ends = [event["at_s"] for event in case["then"]["events_5.1"] if event.get("event") == "end"]
    assert timer.ends[: len(ends)] == near(ends[: len(timer.ends)])


def near(recorded):
    """Allow what the recorded host needed to start a run; `default` stays the year 1."""
    if isinstance(recorded, dict):
        return {name: near(value) for name, value in recorded.items()}
    if isinstance(recorded, list):
        return [near(value) for value in recorded]
    return pytest.approx(recorded, abs=SOON_S) if isinstance(recorded, int | float) else recorded


def replay_unreadable(case: Case, folder: Path) -> None:
    assert case["then"]["5.1"]["start_error"][0] == "FunctionListenerException"
    timer = RecordedTimer(folder, EVERY_3_S, BEGINNING)
    timer.status_path.mkdir(parents=True)
    with pytest.raises(StartError):
        timer.listen(1.5)


def replay_negative(case: Case, folder: Path) -> None:
    """A span below zero is always due; the recorded runs took 4.5 ms each."""
    timer = RecordedTimer(folder, case["given"]["what"].split()[1], BEGINNING, takes_s=0.0045)
    timer.listen(1.5)
    assert len(timer.runs) == pytest.approx(case["then"]["5.1"]["invocations_in_1.5s"], abs=3)


def replay_json(case: Case, folder: Path) -> None:
    for name, monitored in (("5.1", True), ("5.1 without monitor", False)):
        recorded = json.loads(case["then"][name])
        shown = recorded["ScheduleStatus"]
        status = status_of(shown) if monitored else None
        assert json.loads(timer_call(status, past_due=False).data["value"]) == recorded


def replay_stop(case: Case, folder: Path) -> None:
    """A start does not wait for the run that it begins; a stop waits, and its status is stored."""
    timer = RecordedTimer(folder, "24 * * * * *", BEGINNING, runOnStartup=True, takes_s=30)
    then = case["then"]["5.1"]
    recorded = then["stop_took_s"] if isinstance(then, dict) else then[-1][1] - then[-2][1]
    assert timer.listen(24.0, drain_s=60) == pytest.approx(recorded, abs=0.5)
    assert [run["at_s"] for run in timer.runs] == [0]
    assert timer.seconds_of(timer.stored()) == {"Last": 0, "Next": 24, "LastUpdated": 0}


def replay_change(case: Case, folder: Path) -> None:
    """A real listener, started some seconds before a clock change."""
    given, then = case["given"], case["then"]["5.1"]
    zone, began = ZoneInfo(given["zone"]), utc(then["started_at"])
    timer = RecordedTimer(folder, given["expression"], began, zone=zone)
    first_wait = (Schedule(given["expression"], zone).next_after(began) - began).total_seconds()
    assert first_wait == pytest.approx(parse_span(then["waits"][0]), abs=1)
    timer.listen(8)
    ran = [timer.moment(run["at_s"]) for run in timer.runs]
    assert ran == [utc(moment) for moment in then["ran_at"]]
    for stored in then["stored"]:
        kept = timer.stored()
        assert utc(kept["Next"]) == utc(stored["Next"])
        assert abs(utc(kept["Last"]) - utc(stored["Last"])) < timedelta(seconds=SOON_S)


def replay_status(case: Case, folder: Path) -> None:
    """A daily timer at 03:00 meets what lies in its status."""
    timer = RecordedTimer(folder, "0 0 3 * * *", "2026-11-28T19:20:00")
    timer.status_path.parent.mkdir(parents=True)
    timer.status_path.write_text(case["given"]["content"])
    if "start_error" in case["then"]:
        with pytest.raises(StartError):
            timer.listen(1)
        assert timer.status_path.read_text() == case["then"]["stored_after"]
        return
    timer.listen(1)
    assert [run["IsPastDue"] for run in timer.runs] == [True] * case["then"].get("ran_past_due", 0)
    wanted = json.loads(case["then"]["stored_after"].replace("<start>", "2026-11-28T19:20:00"))
    assert {n: utc(v) for n, v in timer.stored().items()} == {n: utc(v) for n, v in wanted.items()}
