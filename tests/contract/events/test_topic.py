"""What the engine relies on when it announces."""

import pytest

from pipeline.errors import Permanent

EVENT = {
    "specversion": "1.0",
    "id": "run:1:succeeded",
    "source": "/fanfare/pipelines/media",
    "type": "Fanfare.Run.Succeeded",
    "subject": "runs/ü 1",
    "time": "2026-11-23T10:00:00Z",
    "data": {"manifest": "https://…", "counts": {"items": 3}, "missing": []},
}


def test_an_event_arrives_as_it_was_published(world, ports):
    ports.events.publish(EVENT)
    arrived = world.published()
    assert {name: arrived[name] for name in ("id", "source", "type", "subject", "data")} == {
        name: EVENT[name] for name in ("id", "source", "type", "subject", "data")
    }
    assert arrived["time"].startswith("2026-11-23T10:00:00")


@pytest.mark.parametrize("missing", ["id", "source", "type"])
def test_an_incomplete_event_is_refused(ports, missing):
    with pytest.raises(Permanent):
        ports.events.publish({name: EVENT[name] for name in EVENT if name != missing})


def test_an_event_too_large_is_refused(ports):
    with pytest.raises(Permanent):
        ports.events.publish({**EVENT, "data": "x" * (1024 * 1024)})
