import json

from tests.emulators.batch.running import alive
from tests.patience import LIMIT_S, stretched, until


def test_a_killed_worker_is_replaced_and_its_message_comes_again(host):
    host.start()
    host.put("work", json.dumps({"die": True}))
    until(lambda: host.notes("results"))
    first, second = host.notes("work")
    assert (first["count"], second["count"]) == (1, 2)
    assert first["pid"] == host.ready["worker_pid"] != second["pid"]


def test_function_timeout_kills_a_function_that_hangs(host):
    host.start(AzureFunctionsJobHost__functionTimeout="00:00:01")
    host.put("hang", "{}")
    counts = until(lambda: (found := host.notes("hang"))[1:] and found)
    assert [note["count"] for note in counts] == [1, 2]
    assert not alive(host.ready["worker_pid"])
    until(lambda: host.is_empty("hang"))


def test_a_killed_host_takes_its_worker_along_and_a_new_one_gets_the_message(host):
    host.start("--clock-scale", "300")
    host.put("hang", "{}")
    until(lambda: host.notes("hang"))
    host.kill()
    until(lambda: not alive(host.ready["worker_pid"]))
    host.start("--clock-scale", "300")
    until(lambda: [n for n in host.notes("hang") if n["count"] == 2])
    until(lambda: host.is_empty("hang"))


def test_stopping_the_host_finishes_what_runs(host):
    host.start("--drain", str(2 * stretched(LIMIT_S)))
    host.put("work", json.dumps({"seconds": 1}))
    until(lambda: host.notes("work"))
    assert host.stop() == 0
    assert host.notes("work ends")
    assert host.is_empty("work")
    assert not alive(host.ready["worker_pid"])
