import itertools
import json

from tests.patience import until


def test_a_message_runs_the_function_and_its_output_runs_the_next(steady_host):
    steady_host.put("work", json.dumps({"run": "first"}))
    (note,) = until(lambda: steady_host.notes("results"))
    assert note["body"] == {"echo": {"run": "first"}}
    until(lambda: steady_host.is_empty("work") and steady_host.is_empty("results"))


def test_a_log_line_carries_function_invocation_and_extra_fields(steady_host):
    steady_host.put("work", json.dumps({"run": "logged"}))
    line = until(lambda: [x for x in steady_host.logged("working") if x.get("run") == "logged"])[0]
    executing = [x["invocation_id"] for x in steady_host.logged("Executing")]
    assert line["function"] == "work"
    assert line["invocation_id"] in executing


def test_a_list_output_becomes_one_message_an_element(steady_host):
    steady_host.put("many", "3")
    wanted = [{"many": n} for n in range(3)]
    seen = until(
        lambda: (
            (found := [n["body"] for n in steady_host.notes("results") if "many" in n["body"]])[2:]
            and found
        )
    )
    assert sorted(seen, key=lambda body: body["many"]) == wanted


def test_a_message_that_fails_too_often_lands_in_the_poison_queue(steady_host):
    steady_host.put("work", json.dumps({"fail": True}))
    assert until(lambda: steady_host.peek("work-poison")) == [json.dumps({"fail": True})]
    assert [n["count"] for n in steady_host.notes("work") if n["body"].get("fail")] == [1, 2, 3]
    until(lambda: steady_host.is_empty("work"))


def test_a_message_that_is_not_base64_is_poisoned_unread(steady_host):
    steady_host.put("many", "0")
    steady_host.queue("many").send_message("%%% not base64 %%%")
    poison = steady_host.queue("many-poison")
    until(lambda: steady_host.logged("Too many attempts: moved to the poison queue"))
    until(lambda: [q.name for q in steady_host.queues.list_queues(poison.queue_name)])
    assert until(poison.peek_messages)[0].content == "%%% not base64 %%%"


def test_a_disabled_function_leaves_its_queue_alone(steady_host):
    steady_host.put("never", "hello")
    steady_host.put("many", "0")
    until(lambda: steady_host.is_empty("many"))
    assert steady_host.peek("never") == ["hello"]


def test_a_long_invocation_keeps_its_message_hidden(host):
    host.start("--clock-scale", "150")  # Hidden for 4 s, renewed after 2 s.
    host.put("work", json.dumps({"seconds": 5}))
    until(lambda: host.notes("results"))
    until(lambda: host.is_empty("work"))
    assert [note["count"] for note in host.notes("work")] == [1]


def test_at_most_batch_plus_threshold_messages_run_at_once(host):
    host.settings["AzureWebJobs.results.Disabled"] = "1"
    for n in range(10):
        host.put("work", json.dumps({"held": True, "n": n}))
    host.start()
    until(lambda: len(host.notes("work")) >= 4)
    (host.scratch / "go").touch()
    until(lambda: len(host.notes("work ends")) == 10)
    changes = [1 if note["function"] == "work" else -1 for note in host.all_notes()]
    assert 4 <= max(itertools.accumulate(changes)) <= 6


def test_the_awkward_profile_repeats_messages_and_loses_none(host):
    host.start("--clock-scale", "60", "--profile", "awkward", "--seed", "3")
    sent = itertools.count()

    def repeated():
        host.put("work", json.dumps({"n": next(sent)}))
        numbers = [note["body"]["n"] for note in host.notes("work")]
        return len(numbers) > len(set(numbers))

    until(repeated)
    wanted = set(range(next(sent)))
    until(lambda: wanted == {note["body"]["echo"]["n"] for note in host.notes("results")})
