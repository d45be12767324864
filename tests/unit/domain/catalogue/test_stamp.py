"""Any change of a definition or a program is noticed; what editors leave beside them is not."""

import os

import pytest

from pipeline.domain.catalogue.stamp import stamp


@pytest.fixture
def root(tmp_path):
    for part in ("pipelines", "pools", "task_scripts/deep/__pycache__"):
        (tmp_path / part).mkdir(parents=True)
    (tmp_path / "pipelines/a.yaml").write_text("a: 1\n")
    (tmp_path / "task_scripts/deep/main.py").write_text("1\n")
    return tmp_path


def edited(path):
    path.write_text("changed")


def renamed(path):
    path.rename(path.with_name("renamed.yaml"))


def executable(path):
    path.chmod(0o755)


def saved_with_the_same_size(path):
    path.write_text("b: 1\n")
    os.utime(path, ns=(1, 1))


def deleted(path):
    path.unlink()


@pytest.mark.parametrize("how", [edited, renamed, executable, saved_with_the_same_size, deleted])
@pytest.mark.parametrize("name", ["pipelines/a.yaml", "task_scripts/deep/main.py"])
def test_a_change_changes_the_stamp(root, name, how):
    before = stamp(root)
    how(root / name)
    assert stamp(root) != before


@pytest.mark.parametrize(
    "name", ["pipelines/.a.yaml.swp", "task_scripts/deep/__pycache__/a.pyc", "README.md"]
)
def test_other_files_do_not(root, name):
    before = stamp(root)
    (root / name).write_text("x")
    assert stamp(root) == before


def test_a_folder_that_is_not_there_has_a_stamp_too(tmp_path):
    assert stamp(tmp_path / "absent") == stamp(tmp_path / "absent")
