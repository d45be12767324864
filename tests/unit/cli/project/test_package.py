"""`fanfare package` says what it lacks, and one at a time writes into a project."""

import fcntl
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import pytest

from pipeline.cli.exits import CommandError
from pipeline.cli.project.folder import Project
from pipeline.cli.project.package import package
from pipeline.domain.catalogue.catalogue import Catalogue

NOTHING = Catalogue({}, {})


@pytest.fixture
def without_uv(tmp_path, monkeypatch):
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path / "bin"))
    return Project(tmp_path)


def test_a_missing_uv_is_named_with_what_to_do(without_uv):
    with pytest.raises(CommandError, match=r"bin/uv is missing: install the engine anew"):
        package(without_uv, NOTHING, lambda _: nullcontext())


def test_wrong_parameters_are_told_before_anything_is_fetched(without_uv):
    folder = without_uv.root / "infra"
    folder.mkdir()
    (folder / "main.parameters.json").write_text('{"parameters": {"tag": {}}}', "utf-8")
    with pytest.raises(CommandError, match="no parameter 'tag'"):
        package(without_uv, NOTHING, lambda _: nullcontext())


def test_a_second_package_waits_for_the_end_of_the_first(without_uv):
    folder = without_uv.data / "azure"
    folder.mkdir(parents=True)
    with ThreadPoolExecutor(1) as pool:
        with (folder / ".making").open("w") as first:
            fcntl.flock(first, fcntl.LOCK_EX)
            second = pool.submit(package, without_uv, NOTHING, lambda _: nullcontext())
            with pytest.raises(TimeoutError):
                second.result(0.1)
        with pytest.raises(CommandError, match="uv is missing"):
            second.result(10)
