"""`fanfare up --app` runs a package, and refuses what is none."""

import zipfile

import pytest

from pipeline.cli.exits import CommandError
from pipeline.cli.stack.packaged import unpacked


def zipped(path, *names):
    with zipfile.ZipFile(path, "w") as packed:
        for name in names:
            packed.writestr(name, name)
    return path


def test_a_package_is_unpacked_once_and_another_takes_its_place(tmp_path):
    first = unpacked(zipped(tmp_path / "a.zip", "function_app.py", "host.json"), tmp_path)
    assert unpacked(tmp_path / "a.zip", tmp_path) == first
    assert (first / "host.json").read_text() == "host.json"
    second = unpacked(zipped(tmp_path / "a.zip", "function_app.py", "host.json", "b"), tmp_path)
    assert second != first and not first.exists()


def test_names_that_lead_out_of_the_folder_stay_in_it(tmp_path):
    archive = zipped(tmp_path / "a.zip", "function_app.py", "host.json", "../../outside")
    folder = unpacked(archive, tmp_path / "data")
    assert (folder / "outside").exists()
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize("content", [b"", b"no zip"])
def test_another_file_is_refused_with_what_makes_a_package(tmp_path, content):
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(CommandError, match="`fanfare package` makes one"):
        unpacked(tmp_path / "a.zip", tmp_path)
    with pytest.raises(CommandError, match=r"it has no function_app\.py"):
        unpacked(zipped(tmp_path / "b.zip", "host.json"), tmp_path)
    with pytest.raises(CommandError, match="No such file"):
        unpacked(tmp_path / "absent.zip", tmp_path)
