import json
from datetime import UTC, datetime, timedelta

from tests.patience import until

YEARLY = "0 0 0 1 1 *"


def test_a_timer_fires_on_schedule_and_never_past_due(host):
    host.start(TICK="* * * * * *")
    ticks = until(lambda: (found := host.notes("tick"))[1:] and found)
    assert not any(tick["past_due"] for tick in ticks)


def test_a_timer_that_missed_its_time_fires_at_once(host):
    status = host.folder / "data" / "timers" / "tick.json"
    status.parent.mkdir(parents=True)
    missed = datetime(datetime.now(UTC).year, 1, 1, tzinfo=UTC)
    stored = {"Last": None, "Next": missed, "LastUpdated": missed - timedelta(days=30)}
    status.write_text(json.dumps({k: v and v.isoformat() for k, v in stored.items()}))
    host.start(TICK=YEARLY)
    (tick,) = until(lambda: host.notes("tick"))
    assert tick["past_due"]
    assert tick["status"]["Next"] == missed.isoformat()
    until(lambda: json.loads(status.read_text())["Last"])


def test_a_failed_timer_is_retried_as_its_policy_says(host):
    (host.scratch / "fail-ticks").touch()
    host.start("--clock-scale", "20", TICK="* * * * * *")
    ticks = until(lambda: (found := host.notes("tick"))[2:] and found)
    assert [tick["attempt"] for tick in ticks[:3]] == [0, 1, 2]


def test_a_timer_started_by_hand_is_not_past_due(host):
    host.start()
    master = {"x-functions-key": host.keys["master"]}
    own = {**master, "Content-Type": "application/json"}
    assert host.call("/admin/functions/tick", "POST", b"{}", **own)[0] == 202
    (tick,) = until(lambda: host.notes("tick"))
    assert not tick["past_due"]
