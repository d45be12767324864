"""A value of files is made anew when one has changed, and kept while they are broken."""

import threading

import pytest

from pipeline.errors import Permanent, Transient
from pipeline.reloading import Reloading


class Files:
    """Files by their stamp; `broken` is raised when they are read."""

    def __init__(self):
        self.stamp, self.broken, self.reads, self.reported = "1", None, 0, []

    def again(self, before):
        self.reads += 1
        if self.broken:
            raise self.broken
        return f"{before}>{self.stamp}"


@pytest.fixture
def files():
    return Files()


@pytest.fixture
def value(files):
    return Reloading("first", files.stamp, lambda: files.stamp, files.again, files.reported.append)


def test_unchanged_files_are_not_read_again(files, value):
    assert [value.current(), value.current()] == ["first", "first"]
    assert files.reads == 0


def test_a_change_counts_from_the_next_look_on(files, value):
    files.stamp = "2"
    assert [value.current(), value.current()] == ["first>2"] * 2
    assert files.reads == 1


@pytest.mark.parametrize("error", [Permanent("unknown key"), OSError("gone")])
def test_broken_files_are_reported_once_and_the_last_good_value_stays(files, value, error):
    files.stamp, files.broken = "2", error
    assert [value.current(), value.current()] == ["first", "first"]
    assert files.reported == [error]
    files.stamp, files.broken = "3", None
    assert value.current() == "first>3"


def test_a_change_that_only_a_busy_service_kept_out_is_tried_again(files, value):
    files.stamp, files.broken = "2", Transient("The service is busy.")
    assert value.current() == "first"
    files.broken = None
    assert value.current() == "first>2"
    assert [str(error) for error in files.reported] == ["The service is busy."]


def test_a_change_while_the_first_value_was_made_is_noticed(files):
    seen, files.stamp = files.stamp, "2"
    value = Reloading("first", seen, lambda: files.stamp, files.again, files.reported.append)
    assert value.current() == "first>2"


def test_many_threads_read_a_change_once(files, value):
    files.stamp = "2"
    found = []
    threads = [threading.Thread(target=lambda: found.append(value.current())) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (set(found), files.reads) == ({"first>2"}, 1)
