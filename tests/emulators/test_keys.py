"""Where an emulator's key comes from, and who may see it."""

import base64
import os
from pathlib import Path

import pytest

from emulators._keys import VARIABLE, KeyUnusable, check_connection, take_key

KEY = base64.b64encode(b"a key").decode()


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    return monkeypatch


@pytest.mark.parametrize("arguments", [["--key", KEY], [f"--key={KEY}"], [f"--ke={KEY}"]])
def test_a_key_in_the_arguments_is_refused_with_both_other_ways(tmp_path, arguments):
    with pytest.raises(KeyUnusable, match=f"give --key @FILE, or set {VARIABLE}"):
        take_key(KEY, arguments, tmp_path)


def test_a_key_from_a_file_of_arguments_is_taken(tmp_path):
    assert take_key(KEY, ["--key", "@secret"], tmp_path).text == KEY


def test_a_key_of_the_environment_is_taken_and_not_left_for_children(tmp_path, bare):
    bare.setenv(VARIABLE, KEY)
    assert take_key(None, [], tmp_path).text == KEY
    assert VARIABLE not in os.environ


def test_without_one_a_key_is_drawn_once_and_kept_for_its_owner_alone(tmp_path):
    first = take_key(None, [], tmp_path / "data")
    again = take_key(None, [], tmp_path / "data")
    assert first == again
    assert len(base64.b64decode(first.text)) == 64
    assert first.told() == {"key_file": str(tmp_path / "data" / "key")}
    assert Path(first.told()["key_file"]).stat().st_mode & 0o777 == 0o600
    assert take_key(None, [], tmp_path / "other").text != first.text


@pytest.mark.parametrize("content", [b"", b"no base64!", b"\xff\xfe"])
def test_a_damaged_key_file_is_named(tmp_path, content):
    kept(tmp_path, content)
    with pytest.raises(KeyUnusable, match=r"key .*(delete it|base64)"):
        take_key(None, [], tmp_path)


def kept(folder, content, mode=0o600):
    (folder / "key").write_bytes(content)
    (folder / "key").chmod(mode)


@pytest.mark.parametrize("mode", [0o644, 0o620, 0o604])
def test_a_key_file_that_others_may_read_or_write_is_not_used(tmp_path, mode):
    kept(tmp_path, KEY.encode(), mode)
    with pytest.raises(KeyUnusable, match="not yours alone: delete it"):
        take_key(None, [], tmp_path)


def test_a_connection_string_with_a_key_in_the_arguments_is_refused():
    check_connection(["--storage-connection", "AccountName=a;ClientId=c"])
    with pytest.raises(KeyUnusable, match="--storage-connection @FILE"):
        check_connection(["--storage-connection", f"AccountName=a;AccountKey={KEY}"])
