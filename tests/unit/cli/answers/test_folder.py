"""Both kinds of folders, by handles and by paths: nothing is read or written through a link."""

import os
from pathlib import Path, PurePosixPath

import pytest

from pipeline.cli.exits import CommandError
from pipeline.cli.fetching import folder
from pipeline.cli.fetching.folder_by_handle import FolderByHandle
from pipeline.cli.fetching.folder_by_path import FolderByPath
from pipeline.cli.project import locks

A, DEEP = PurePosixPath("a.txt"), PurePosixPath("one/two/b.txt")


@pytest.fixture(params=[FolderByHandle, FolderByPath])
def kind(request):
    return request.param


@pytest.fixture
def opened(kind, tmp_path):
    with kind.opened(tmp_path / "out", create=True) as opened:
        yield opened


def write(opened, path, content):
    with opened.going_on(path) as file:
        file.write(content)


def outside(tmp_path) -> Path:
    there = tmp_path / "outside"
    there.mkdir()
    (there / "b.txt").write_bytes(b"mine")
    return there


def test_a_file_is_written_gone_on_with_read_renamed_and_removed(opened):
    write(opened, DEEP, b"half")
    with opened.going_on(DEEP) as file:
        assert file.read() == b"half"
        file.write(b" and half")
    opened.rename(DEEP, "c.txt")
    renamed = DEEP.with_name("c.txt")
    with opened.reading(renamed) as file:
        assert file.read() == b"half and half"
    assert (opened.size_of(renamed), opened.look(DEEP)) == (13, None)
    assert list(opened.files()) == ["one/two/c.txt"]
    opened.remove(renamed)
    opened.remove(renamed)
    assert list(opened.files()) == []
    assert opened.free > 0


def test_a_link_in_the_place_of_a_folder_is_not_entered(opened, tmp_path):
    there = outside(tmp_path)
    (opened.path / "one").mkdir()
    (opened.path / "one/two").symlink_to(there, target_is_directory=True)
    with pytest.raises(OSError):
        opened.look(DEEP)
    with pytest.raises(OSError):
        write(opened, DEEP, b"theirs")
    with pytest.raises(OSError):
        opened.remove(DEEP)
    assert (there / "b.txt").read_bytes() == b"mine"
    assert list(opened.files()) == ["one/two"]


def test_a_link_in_the_place_of_a_file_is_not_followed(opened, tmp_path):
    there = outside(tmp_path)
    (opened.path / "a.txt").symlink_to(there / "b.txt")
    for use in (opened.going_on, opened.reading):
        with pytest.raises(OSError), use(A):
            pass
    assert opened.size_of(A) == 0
    assert (there / "b.txt").read_bytes() == b"mine"


def test_what_is_no_file_is_refused(opened):
    os.mkfifo(opened.path / "a.txt")
    for use in (opened.going_on, opened.reading):
        with pytest.raises(OSError), use(A):
            pass


def test_one_command_at_a_time_writes_into_a_folder(kind, opened, tmp_path):
    opened.lock()
    with (
        kind.opened(tmp_path / "out") as other,
        pytest.raises(CommandError, match="Another command writes"),
    ):
        other.lock()
    with kind.opened(tmp_path / "more", create=True) as one:
        one.lock()
    with kind.opened(tmp_path / "more") as again:
        again.lock()
    assert list((tmp_path / "more").iterdir()) == []


def test_a_folder_that_is_none_is_refused(kind, tmp_path):
    (tmp_path / "file").touch()
    for path in ("absent", "file"):
        with pytest.raises(CommandError), kind.opened(tmp_path / path):
            pass


def test_this_system_has_handles(tmp_path):
    with folder.opened(tmp_path) as opened:
        assert isinstance(opened, FolderByHandle)


def test_a_file_is_claimed_by_one_and_gone_afterwards(tmp_path):
    file = tmp_path / "held"
    with locks.claimed(file):
        with pytest.raises(locks.Held), locks.claimed(file):
            pass
        assert file.exists()
    assert not file.exists()


@pytest.mark.parametrize(
    "name", ["x/D:/evil", "ab:c", "D:", "a\\b", 'a"b', "x*/y", "a?", "a/b. ", "a|b"]
)
def test_a_name_that_means_something_else_to_windows_is_refused_there_alone(kind, opened, name):
    path = PurePosixPath(name)
    if kind is FolderByHandle:
        write(opened, path, b"x")
        assert opened.size_of(path) == 1
        return
    for ask in (lambda: write(opened, path, b"x"), lambda: opened.look(path)):
        with pytest.raises(CommandError, match="something else to Windows"):
            ask()
    assert list(opened.files()) == []
