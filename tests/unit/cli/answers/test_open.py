"""`fanfare open`: an output is shown, and never run."""

import os
import stat
from pathlib import Path

import pytest

from pipeline.cli.fetching.desktop import cache_folder, can_be_looked_at, has_desktop
from tests.unit.cli.answers.conftest import SEPARATE, refusal, run_of


def one_file(cli_with, name):
    cli = cli_with(SEPARATE, program=lambda _: [(name, b"#!/bin/sh\n")])
    return cli, run_of(cli)


def test_a_single_file_is_opened_itself_and_the_path_is_told(cli_with):
    cli, run = one_file(cli_with, "picture.png")
    answer = cli.json("open", run.id)
    (opened,) = cli.opened
    assert opened == Path(answer["path"]) and opened.name == "picture.png"
    assert answer["opened"] and opened.read_bytes() == b"#!/bin/sh\n"
    assert opened.is_relative_to(cli.folder / "cache")


def test_several_files_are_opened_as_their_folder(cli, run):
    cli("open", run.id)
    (opened,) = cli.opened
    assert opened.is_dir() and (opened / "manifest.json").exists()


@pytest.mark.parametrize("name", ["run.sh", "x.desktop", "page.html", "plot.svg", "a.exe", "none"])
def test_what_may_be_a_program_is_never_opened_nor_executable(cli_with, name):
    cli, run = one_file(cli_with, name)
    result = cli("open", run.id)
    (opened,) = cli.opened
    assert opened.is_dir() and "may contain a program" in result.stderr
    (file,) = opened.rglob(name)
    assert not file.stat().st_mode & (stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)


def test_print_only_prints_the_path_and_fetches_once(cli, run):
    first, second = cli("open", run.id, "--print"), cli("open", run.id, "--print")
    assert first.stdout == second.stdout and not cli.opened
    assert Path(first.stdout.strip()).is_dir()


def test_without_a_desktop_the_path_is_printed_and_it_says_so(cli, run):
    cli.desktop = False
    result = cli("open", run.id)
    assert result.exit_code == 0 and "no desktop" in result.stderr
    assert Path(result.stdout.strip()).is_dir()


def test_a_file_that_was_changed_in_the_cache_is_fetched_anew(cli, run):
    folder = Path(cli.json("open", run.id)["path"])
    changed = next(folder.rglob("a.txt"))
    changed.write_bytes(b"edited")
    cli.json("open", run.id)
    assert changed.read_bytes() == b"alpha\n"


def test_a_run_that_goes_on_is_not_opened(cli):
    cli.app.upload("lines/a.txt", b"one\n")
    cli.app.pump()
    assert "fanfare watch" in refusal(cli, "open", "latest")
    assert not cli.opened


def test_a_desktop_needs_a_display_and_its_program(tmp_path):
    program = tmp_path / "xdg-open"
    program.write_text("")
    program.chmod(0o700)
    path = str(tmp_path)
    assert has_desktop({"DISPLAY": ":0", "PATH": path}, "linux")
    assert has_desktop({"WAYLAND_DISPLAY": "wayland-0", "PATH": path}, "linux")
    assert not has_desktop({"PATH": path}, "linux")
    assert not has_desktop({"DISPLAY": ":0", "PATH": os.devnull}, "linux")
    assert has_desktop({}, "win32")
    assert has_desktop({}, "darwin") and not has_desktop({"SSH_CONNECTION": "x"}, "darwin")


def test_the_cache_is_where_the_desktop_says(tmp_path):
    assert cache_folder({"XDG_CACHE_HOME": str(tmp_path)}) == tmp_path / "fanfare"
    assert cache_folder({"XDG_CACHE_HOME": "relative"}) == Path.home() / ".cache/fanfare"


def test_kinds_of_files_are_known_by_their_ends():
    assert can_be_looked_at(Path("A.MP4")) and not can_be_looked_at(Path("mp4"))
