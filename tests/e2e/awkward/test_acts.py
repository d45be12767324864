"""Items that misbehave on real nodes: each gets its own cause, and the others are not harmed."""

from tests.e2e.local import Stack

HOSTILE = """$(touch x);'"..%2f ü 名.txt"""


def by_item(stack: Stack, run) -> dict[int, dict]:
    return {missing["item"]: missing for missing in stack.manifest(run)["missing"]}


def test_lines_become_one_output_in_their_order(stack: Stack):
    run_id = stack.upload("acts/plain.txt", b"ok a\nok b\nok c\nok d\nok e\n", "acts")
    run, event = stack.succeeded(run_id)
    assert stack.output(run) == {"done.txt": b"ok a\nok b\nok c\nok d\nok e\n"}
    assert event["type"] == "fanfare.run.succeeded"
    assert event["data"]["node_seconds"] > 0


def test_each_failure_has_its_own_cause_and_harms_no_other_item(stack: Stack):
    lines = ["ok first", "fail because", "hang", "ok second", "flood", "kill-parent", "ok third"]
    run, _ = stack.finished(stack.upload("acts/bad.txt", "\n".join(lines).encode(), "acts"), 120)
    missing = by_item(stack, run)
    assert {item: entry["cause"] for item, entry in missing.items()} == {
        1: "program-failed",
        2: "timed-out",
        4: "program-failed",
        5: "program-failed",
    }
    assert "this item fails: because" in missing[1]["tail"]
    assert stack.output(run) == {"done.txt": b"ok first\nok second\nok third\n"}


def test_an_item_that_fails_fails_a_strict_run_and_says_why(stack: Stack):
    run, event = stack.finished(stack.upload("strict/one.txt", b"ok a\nfail here\n", "strict-acts"))
    assert (run.state, run.cause) == ("failed", "program-failed")
    assert "this item fails: here" in event["data"]["error"]


def test_a_package_of_the_developer_fails_as_in_azure_and_the_remedy_is_named(stack: Stack):
    run, event = stack.finished(stack.upload("strict/numpy.txt", b"import numpy\n", "strict-acts"))
    assert (run.state, run.cause) == ("failed", "program-failed")
    error = event["data"]["error"]
    assert "The node's Python has no module numpy. This machine has it in" in error
    assert "Give the program an `environment` with its package" in error


def test_a_hostile_blob_name_is_only_a_name(stack: Stack):
    run, event = stack.succeeded(stack.upload("acts/" + HOSTILE, b"ok safe\n", "acts"))
    assert stack.output(run) == {"done.txt": b"ok safe\n"}
    assert event["data"]["input"]["name"] == "acts/" + HOSTILE


def test_split_and_assembly_may_be_programs(stack: Stack):
    run, _ = stack.succeeded(stack.upload("staged/words.txt", b"red green blue", "staged"), 120)
    assert stack.output(run) == {"joined.txt": b"ok red\nok green\nok blue\n"}


def test_an_input_that_is_not_text_fails_the_plan_and_is_announced(stack: Stack):
    run, event = stack.finished(stack.upload("strict/bad.txt", b"\xff\xfe\x00", "strict-acts"))
    assert (run.state, run.cause) == ("failed", "plan-failed")
    assert "not utf-16-le: byte 2" in event["data"]["error"]


def test_a_corrupt_video_fails_the_plan_with_a_reason(stack: Stack):
    run, event = stack.finished(stack.upload("broken.mp4", b"not a video" * 100, "media-encode"))
    assert (run.state, run.cause) == ("failed", "plan-failed")
    assert event["data"]["error"]
