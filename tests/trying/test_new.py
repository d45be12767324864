"""A proposed pipeline is tried at once, on the sample that it was proposed for."""

import pytest
from typer.testing import CliRunner

from pipeline.cli.exits import Exit
from pipeline.cli.main import app as fanfare
from pipeline.cli.project import scaffold

SORT = '#!/bin/sh\nsort "$1" > "$2/sorted.txt"\n'
COPY = "import sys\nsrc, dst = sys.argv[1:]\nopen(dst, 'wb').write(open(src, 'rb').read()[::-1])\n"
BROKEN = "import sys\nsrc, dst = sys.argv[1:]\nopen(dst, 'w').write(1 / 0)\n"


@pytest.fixture(autouse=True)
def project(tmp_path, cache, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    scaffold.of_template("x").write(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def new(project, script, text, sample, content):
    (project / script).write_text(text)
    (project / sample).write_bytes(content)
    words = ["new", "mine", "--script", script, "--sample", sample]
    return CliRunner().invoke(fanfare, words)


@pytest.mark.parametrize(
    ("script", "text", "sample", "content", "answer"),
    [
        ("sort.sh", SORT, "names.txt", b"b\na\n", "sorted.txt  4 B\n    a\n    b"),
        ("turn.py", COPY, "a.dat", b"cba", "result.dat  3 B"),
    ],
)
def test_the_proposal_works_on_its_sample(project, script, text, sample, content, answer):
    result = new(project, script, text, sample, content)
    assert result.exit_code == Exit.OK, result.output
    assert answer in result.output
    assert f"next: fanfare run mine {sample} --get answer" in result.output


def test_a_script_that_fails_is_shown_with_what_to_correct(project):
    result = new(project, "broken.py", BROKEN, "a.dat", b"x")
    assert result.exit_code == Exit.FAILED
    assert "ZeroDivisionError" in result.output
    assert "Correct the script or pipelines/mine.yaml" in result.stderr
