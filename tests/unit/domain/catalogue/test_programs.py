"""Programs that are no single Python file: what is refused early, and what is deployed."""

import io
import zipfile

import pytest

from pipeline.domain.catalogue.programs import MAX_BYTES, objection, packed, read


@pytest.fixture
def tool(tmp_path):
    folder = tmp_path / "tool"
    (folder / "parts").mkdir(parents=True)
    (folder / "main.py").write_text("import parts.one\n")
    (folder / "parts" / "one.py").touch()
    return folder


def test_the_same_files_make_the_same_archive(tool, tmp_path):
    other = tmp_path / "other"
    (other / "parts").mkdir(parents=True)
    (other / "__pycache__").mkdir()
    (other / "__pycache__" / "main.pyc").touch()
    (other / ".hidden").touch()
    for name in ("parts/one.py", "main.py"):
        (other / name).write_bytes((tool / name).read_bytes())
    assert packed(other) == packed(tool)
    with zipfile.ZipFile(io.BytesIO(packed(tool))) as archive:
        assert archive.namelist() == ["main.py", "parts/one.py"]


def test_another_byte_makes_another_archive(tool):
    before = packed(tool)
    (tool / "parts" / "one.py").write_text("x = 1\n")
    assert packed(tool) != before


def test_a_folder_has_a_key_of_its_own(tool, tmp_path):
    assert read("tool", tmp_path)[0] == "tool/"
    (tmp_path / "a.sh").write_bytes(b"#!/bin/sh\n")
    assert read("a.sh", tmp_path) == ("a.sh", b"#!/bin/sh\n")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"echo", "does not say what runs it: begin it with a line such as #!/bin/sh"),
        (b"", "does not say what runs it"),
        (b"#!/bin/sh\r\ntrue\r\n", "ends in a carriage return"),
        (b"#!/bin/sh\n", None),
        (b"\x7fELF\2\1", None),
    ],
)
def test_a_file_that_cannot_run_is_refused(tmp_path, content, said):
    (tmp_path / "x.sh").write_bytes(content)
    found = objection("x.sh", tmp_path)
    assert said in found if said else found is None


def test_a_folder_that_cannot_run_is_refused(tool, tmp_path):
    assert objection("tool", tmp_path) is None
    (tool / "parts" / "passwd").symlink_to("/etc/passwd")
    assert objection("tool", tmp_path) == "tool/parts/passwd is not an ordinary file"
    (tool / "parts" / "passwd").unlink()
    with (tool / "large.bin").open("wb") as file:
        file.truncate(MAX_BYTES)
    assert "more than 64 MiB" in objection("tool", tmp_path)
    (tool / "main.py").unlink()
    assert objection("tool", tmp_path) == "tool/ has no main.py"


def test_the_loader_names_the_file_and_the_reason(workshop):
    (workshop.root / "task_scripts" / "encode.sh").write_text("ffmpeg\n")
    workshop.changed("program: encode.py", "program: encode.sh")
    problems = "\n".join(workshop.problems())
    assert "task.program: encode.sh does not say what runs it" in problems
    assert "task.environment: encode.sh is no Python program" in problems
