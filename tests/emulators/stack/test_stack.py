import json
import os
import signal
import socket

import pytest

from tests.emulators.batch.running import alive
from tests.emulators.stack.conftest import SERVICES
from tests.patience import until


def test_all_start_in_order_and_stop_in_reverse(stack):
    told = stack.ready()
    assert set(told["endpoints"]) == set(told["pids"]) == set(SERVICES)
    written = stack.data / "stack.json"
    assert json.loads(written.read_text()) == told
    assert written.stat().st_mode & 0o777 == 0o600
    stack.close()
    events = stack.events()
    assert (events[0], events[3]) == ("start storage", "start functions")
    assert (events[4], events[-1]) == ("stop functions", "stop storage")
    assert not written.exists()
    assert not any(alive(pid) for pid in told["pids"].values())


def test_placeholders_are_filled_and_the_files_are_private(stack):
    told = stack.ready()
    settings = stack.data / "functions-settings.json"
    values = json.loads(settings.read_text())["Values"]
    assert values == {
        "CONNECTION": "AccountKey=x",
        "BRACES": "{name} " + told["endpoints"]["batch"]["endpoint"],
    }
    key = json.loads((stack.data / "functions" / "keys.json").read_text())["system"][
        "eventgrid_extension"
    ]
    topics = json.loads((stack.data / "eventgrid-config.json").read_text())
    assert topics["url"] == told["endpoints"]["functions"]["endpoint"] + "/x?code=" + key
    identities = json.loads((stack.data / "identities.json").read_text())
    assert identities["/id/one"]["blobEndpoint"] == told["endpoints"]["storage"]["blob"]
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in stack.data.glob("*.json"))


def test_a_dead_service_comes_back_at_the_same_place(stack):
    told = stack.ready()
    os.kill(told["pids"]["batch"], signal.SIGKILL)
    until(lambda: stack.events().count("start batch") == 2)
    until(lambda: json.loads((stack.data / "stack.json").read_text())["pids"] != told["pids"])
    assert json.loads((stack.data / "stack.json").read_text())["endpoints"] == told["endpoints"]
    assert stack.processes[0].poll() is None


def test_a_state_that_cannot_be_written_delays_only_itself(stack):
    told = stack.ready()
    in_the_way = stack.data / "stack.json.new"  # Stands for a full disk: writing fails.
    in_the_way.mkdir()
    os.kill(told["pids"]["batch"], signal.SIGKILL)
    until(lambda: stack.events().count("start batch") == 2)
    os.kill(told["pids"]["eventgrid"], signal.SIGKILL)
    until(lambda: stack.events().count("start eventgrid") == 2)
    in_the_way.rmdir()
    state = stack.data / "stack.json"
    changed = {"batch", "eventgrid"}
    for name in changed:
        until(lambda n=name: json.loads(state.read_text())["pids"][n] != told["pids"][n])
    assert stack.processes[0].poll() is None


def test_a_second_stack_on_the_same_folder_is_refused(stack):
    told = stack.ready()
    message = stack.refusal()
    assert f"already runs on {stack.data} (process {told['pid']})" in message
    assert stack.processes[0].poll() is None


def test_a_service_that_refuses_to_start_stops_the_stack_with_its_words(stack):
    (stack.data / "batch").mkdir(parents=True)
    (stack.data / "batch" / "refuse").touch()
    message = stack.refusal()
    assert "batch did not start.\nbatch: my data is damaged; delete it." in message
    assert "stop storage" in stack.events()


def test_ports_stay_the_same_and_a_taken_one_is_named(stack):
    first = stack.ready()["endpoints"]
    stack.close()
    assert stack.ready()["endpoints"]["batch"] == first["batch"]
    stack.close()
    port = int(first["batch"]["endpoint"].rsplit(":", 1)[1])
    with socket.create_server(("127.0.0.1", port)):
        message = stack.refusal()
    assert f"Port {port} for batch is taken" in message
    assert "ports.json" in message


def test_killing_the_stack_leaves_no_orphans_and_no_stale_lock(stack):
    told = stack.ready()
    os.kill(told["pid"], signal.SIGKILL)
    until(lambda: not any(alive(pid) for pid in told["pids"].values()))
    assert stack.ready()["pid"] != told["pid"]


def test_a_closed_stdout_does_not_end_the_stack(stack):
    process = stack.start()
    process.stdout.close()
    until((stack.data / "stack.json").exists)
    os.kill(json.loads((stack.data / "stack.json").read_text())["pids"]["batch"], signal.SIGKILL)
    until(lambda: stack.events().count("start batch") == 2)
    assert process.poll() is None
    process.stdout = None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"colour": "red"}, "colour: Extra inputs are not permitted"),
        ({"ports": {"fax": 1}}, "ports: fax is not one of storage"),
        ({"settings": {"A": "{batch.colour}"}}, "Unknown placeholder {batch.colour}"),
    ],
)
def test_a_wrong_configuration_gets_one_message(stack, changes, message):
    assert message in stack.refusal(**changes)


@pytest.mark.parametrize("wake", [True, False])
def test_the_host_wakes_listeners_unless_it_is_told_not_to(stack, wake):
    host = stack.ready(wake=wake)["endpoints"]["functions"]
    assert ("--wake" in host["arguments"]) == wake
