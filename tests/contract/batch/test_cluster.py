"""What the engine relies on when it observes Batch."""

from datetime import timedelta

import pytest

from pipeline.errors import NotFound, Permanent, Transient
from tests.contract.batch.worlds import BUSY, IDLE, job_spec, task_spec

FAILING = "/bin/sh -c 'echo no such package >&2; exit 3'"
FORMULA = "$TargetDedicatedNodes = 0;"


@pytest.fixture
def ports(batch_ports):
    return batch_ports


def test_a_missing_job_has_no_state_and_no_tasks(ports, fresh):
    assert ports.cluster.job(fresh).state == ""
    assert ports.cluster.unconfirmed(fresh).open == set()
    assert list(ports.cluster.failures(fresh, ports.clock.now())) == []
    found = ports.cluster.unconfirmed(fresh)
    assert (found.open, found.failed) == (set(), {})


def test_failures_tell_exit_code_category_and_time(batch_world, ports, fresh):
    ports.jobs.create(job_spec(fresh, BUSY))
    commands = {"ok": "/bin/sh -c true", "bad": "/bin/sh -c 'exit 3'", "none": "/nonesuch/program"}
    ports.jobs.add(fresh, [task_spec(name, command) for name, command in commands.items()])
    before = ports.clock.now()
    ports.jobs.close(fresh)
    batch_world.let_tasks_end(fresh)
    ended = {end.task: end for end in ports.cluster.failures(fresh, batch_world.later())}
    assert set(ended) == {"bad", "none"}
    assert (ended["bad"].exit_code, ended["bad"].code) == (3, "FailureExitCode")
    assert (ended["none"].exit_code, ended["none"].code) == (None, "CommandProgramNotFound")
    assert ended["bad"].category.lower() == "usererror"
    assert abs(ended["bad"].ended_at - before) < timedelta(minutes=5)
    assert list(ports.cluster.failures(fresh, before - timedelta(minutes=1))) == []


def test_ends_tell_of_every_completed_task_when_where_and_how_it_ended(batch_world, ports, fresh):
    ports.jobs.create(job_spec(fresh, BUSY))
    commands = {"ok": "/bin/sh -c true", "bad": "/bin/sh -c 'exit 3'"}
    ports.jobs.add(fresh, [task_spec(name, command) for name, command in commands.items()])
    before = ports.clock.now()
    ports.jobs.close(fresh)
    batch_world.let_tasks_end(fresh)
    ended = {end.task: end for end in ports.cluster.ends(fresh, before - timedelta(minutes=1))}
    assert {name: (end.exit_code, end.code) for name, end in ended.items()} == {
        "ok": (0, ""),
        "bad": (3, "FailureExitCode"),
    }
    assert all(end.node and 0 <= end.seconds < 60 for end in ended.values())
    assert {end.task for end in ports.cluster.ends(fresh)} == {"ok", "bad"}
    assert list(ports.cluster.ends(fresh, before + timedelta(hours=1))) == []
    assert list(ports.cluster.ends(f"{fresh}-gone")) == []


def test_what_is_open_or_failed_is_told_and_what_succeeded_is_not(batch_world, ports, fresh):
    ports.jobs.create(job_spec(fresh, BUSY))
    commands = {"ok": "/bin/sh -c true", "bad": "/bin/sh -c 'exit 3'"}
    ports.jobs.add(fresh, [task_spec(name, command) for name, command in commands.items()])
    assert ports.cluster.unconfirmed(fresh).open | {"ok", "bad"} == {"ok", "bad"}
    ports.jobs.close(fresh)
    batch_world.let_tasks_end(fresh)
    found = ports.cluster.unconfirmed(fresh)
    assert (found.open, list(found.failed)) == (set(), ["bad"])
    assert (found.failed["bad"].exit_code, found.failed["bad"].code) == (3, "FailureExitCode")


def test_a_job_tells_its_pool_and_a_task_that_waits_is_open(ports, fresh):
    ports.jobs.create(job_spec(fresh, IDLE))
    assert ports.cluster.job(fresh).pool == IDLE
    ports.jobs.add(fresh, [task_spec("waits")])
    assert ports.cluster.unconfirmed(fresh).open == {"waits"}
    ports.jobs.terminate(fresh)


def test_a_pool_reports_state_allocation_and_nodes(batch_world, ports):
    batch_world.wait_until_steady(BUSY)
    report = ports.cluster.pool(BUSY)
    assert (report.state, report.allocation) == ("active", "steady")
    assert (report.nodes, report.target_nodes, report.counts.usable) == (1, 1, 1)
    assert (list(report.resize_errors), report.node_error) == ([], None)
    assert ports.cluster.pool("nonesuch").state == ""


def test_a_preparation_that_fails_is_shown_with_its_last_words(batch_world, ports, fresh):
    ports.jobs.create(job_spec(fresh, BUSY, preparation=FAILING))
    ports.jobs.add(fresh, [task_spec("t")])
    batch_world.let_preparation_fail(fresh)
    preparation = ports.cluster.job(fresh).preparation
    assert (preparation.failures, preparation.running) == (1, 0)
    assert preparation.failed_at is not None
    failed = preparation.failed
    assert failed.code == "FailureExitCode"
    assert "no such package" in ports.cluster.last_words(BUSY, failed.node, fresh)
    ports.jobs.terminate(fresh)


def test_nobody_has_last_words_on_a_node_that_is_not_there(ports, fresh):
    assert ports.cluster.last_words(BUSY, "nonesuch") == ""
    assert ports.cluster.last_words("nonesuch", "nonesuch", fresh) == ""


def test_a_pushed_formula_shows_and_the_next_has_to_wait(batch_world, ports):
    batch_world.wait_until_steady(IDLE)
    ports.cluster.push_formula(IDLE, FORMULA)
    assert ports.cluster.pool(IDLE).formula == FORMULA
    with pytest.raises(Transient):
        ports.cluster.push_formula(IDLE, FORMULA)


def test_a_formula_for_a_missing_pool_is_not_found(ports):
    with pytest.raises(NotFound):
        ports.cluster.push_formula("nonesuch", FORMULA)
    with pytest.raises(NotFound):
        ports.cluster.resize_by_hand("nonesuch", 1, 0)


def test_a_pool_that_is_resized_by_hand_autoscales_again_with_its_next_formula(batch_world, ports):
    pool = batch_world.another_pool("contract-by-hand")
    assert ports.cluster.pool(pool).autoscales
    ports.cluster.resize_by_hand(pool, 1, 1)
    batch_world.wait_until_steady(pool)
    report = ports.cluster.pool(pool)
    assert (report.nodes, report.target_nodes, report.autoscales) == (2, 2, False)
    ports.cluster.push_formula(pool, FORMULA)
    assert ports.cluster.pool(pool).autoscales


def test_a_malformed_formula_is_refused(ports):
    with pytest.raises(Permanent):
        ports.cluster.push_formula(BUSY, "")


def test_a_running_task_shows_what_it_has_printed_so_far(batch_world, ports, fresh):
    ports.jobs.create(job_spec(fresh, BUSY))
    ports.jobs.add(fresh, [task_spec("t", "/bin/sh -c 'echo one; echo two; exec sleep 600'")])
    batch_world.let_task_print(fresh, "t", b"one\ntwo\n")
    whole = ports.cluster.task_file(fresh, "t", "stdout.txt", 0)
    assert (whole.size, whole.content) == (8, b"one\ntwo\n")
    rest = ports.cluster.task_file(fresh, "t", "stdout.txt", 4)
    assert (rest.size, rest.content) == (8, b"two\n")
    assert ports.cluster.task_file(fresh, "t", "stdout.txt", 8).content == b""
    assert ports.cluster.task_file(fresh, "t", "stdout.txt", 99).size == 8
    assert ports.cluster.task_file(fresh, "t", "wd/nonesuch.txt", 0) is None
    ports.jobs.terminate(fresh)


def test_a_task_that_waits_or_is_gone_has_no_files(ports, fresh):
    ports.jobs.create(job_spec(fresh, IDLE))
    ports.jobs.add(fresh, [task_spec("waits")])
    assert ports.cluster.task_file(fresh, "waits", "stdout.txt", 0) is None
    assert ports.cluster.task_file(f"{fresh}-gone", "waits", "stdout.txt", 0) is None
    ports.jobs.terminate(fresh)
