"""What the engine relies on when nodes do not start, or cannot take tasks."""

import pytest


@pytest.fixture
def ports(batch_ports):
    return batch_ports


def test_a_resize_that_failed_is_kept_with_its_code(batch_world, ports):
    report = ports.cluster.pool(batch_world.without_capacity("AllocationFailed"))
    assert (report.allocation, report.nodes, report.target_nodes) == ("steady", 0, 1)
    assert report.resize_error.code == "AllocationFailed"
    assert report.since is not None


def test_a_start_task_that_fails_is_shown_with_its_last_words(batch_world, ports):
    pool = batch_world.with_failing_start_task("cannot mount the share")
    report = ports.cluster.pool(pool)
    assert (report.counts.start_task_failed, report.counts.usable) == (1, 0)
    assert report.node_error.code == "FailureExitCode"
    assert "cannot mount the share" in ports.cluster.last_words(pool, report.node_error.node)


def test_a_node_that_cannot_pull_its_image_is_reported_with_the_code(batch_world, ports):
    report = ports.cluster.pool(batch_world.with_unusable_node("ContainerInvalidImage"))
    assert (report.counts.unusable, report.counts.usable) == (1, 0)
    assert report.node_error.code == "ContainerInvalidImage"


def test_a_node_that_starts_counts_as_starting(batch_world, ports):
    report = ports.cluster.pool(batch_world.with_starting_node())
    assert (report.counts.starting, report.counts.usable) == (1, 0)
