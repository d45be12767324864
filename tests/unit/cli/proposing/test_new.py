"""`fanfare new` proposes a pipeline that can be planned, says why, and destroys nothing."""

import json

import pytest
from typer.testing import CliRunner

from pipeline.cli import requirements
from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.main import app as fanfare
from pipeline.cli.project import scaffold
from pipeline.cli.project.folder import Project
from pipeline.cli.target import definitions

RESIZE = "import sys\nsrc, dst = sys.argv[1:]\nopen(dst, 'wb').write(open(src, 'rb').read())\n"
TABLE = (
    "import sys\nimport pandas as pd\nsource, out = sys.argv[1:]\npd.read_csv(source).to_csv(out)\n"
)
LINE = (
    "import sys\nfrom pathlib import Path\nline, out = sys.argv[1:]\nPath(out, 'a.txt').touch()\n"
)


class New:
    """A project in which `fanfare new` is typed."""

    def __init__(self, root):
        self.root = root
        scaffold.of_template("x").write(root)

    def script(self, name, text):
        (self.root / name).write_text(text)

    def sample(self, name, content=b"a,b\n1,2\n3,4\n"):
        (self.root / name).write_bytes(content)

    def __call__(self, *words, **how):
        return CliRunner().invoke(fanfare, ["new", *words, "--no-try"], **how)

    def definition(self, name):
        return definitions(Project(self.root)).pipeline(name)


@pytest.fixture
def new(tmp_path, monkeypatch):
    made = New(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(requirements, "compiled", lambda *_: "pandas==1 \\\n    --hash=sha256:0\n")
    return made


def test_a_script_for_images_works_on_each_upload(new):
    new.script("thumb.py", RESIZE)
    new.sample("photo.JPG", b"\xff\xd8\xff")
    result = new("thumbs", "--script", "thumb.py", "--sample", "photo.JPG")
    assert result.exit_code == Exit.OK, result.output
    assert "a .jpg cannot be cut into parts" in result.output
    made = new.definition("thumbs")
    assert made.task.arguments == ("{input}", "{output}/result.jpg")
    assert made.trigger.blob.suffix == (".jpg",)
    assert (new.root / "task_scripts/thumb.py").read_text() == RESIZE


def test_a_table_may_be_cut_and_the_other_way_is_named(new):
    new.script("clean.py", TABLE)
    new.sample("t.csv")
    result = new("clean", "--script", "clean.py", "--sample", "t.csv")
    assert "--split rows" in result.stderr
    assert new.definition("clean").task.environment == "clean"
    assert (new.root / "task_scripts/environments/clean.in").read_text() == "pandas\n"
    new.script("clean.py", TABLE)
    result = new("rows", "--script", "clean.py", "--sample", "t.csv", "--split", "rows", "--json")
    assert json.loads(result.stdout)["choices"]["split"]["why"] == "you named it"
    made = new.definition("rows")
    assert made.task.arguments == ("{rows_file}", "{output}/result.csv")
    assert made.assemble.concatenate.format == "csv"


def test_a_script_for_a_line_gets_lines(new):
    new.script("one.py", LINE)
    new.sample("poem.txt", b"a\nb\n")
    assert new("each", "--script", "one.py", "--sample", "poem.txt").exit_code == Exit.OK
    made = new.definition("each")
    assert made.task.arguments == ("{line}", "{output}")
    assert made.assemble.concatenate.name == "all.txt"


def test_arguments_can_be_named(new):
    new.script("odd.py", "print(1)\n")
    new.sample("a.bin", b"\0")
    words = ("odd", "--script", "odd.py", "--sample", "a.bin")
    refused = new(*words)
    assert refused.exit_code == Exit.USAGE
    assert "--arguments '{input} {output}'" in refused.stderr
    assert new(*words, "--arguments", "--in '{input}' {output}").exit_code == Exit.OK
    assert new.definition("odd").task.arguments == ("--in", "{input}", "{output}")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("Thumbs",), "is not the name of a pipeline"),
        (("shout",), "There is a pipeline shout already"),
        (("a", "--sample", "absent.txt"), "There is no file absent.txt"),
        (("a", "--script", "absent.py"), "absent.py cannot be read"),
        (("a", "--script", "plain"), "does not say what runs it"),
        (("a", "--script", "broken.py"), "broken.py:2: the script is no Python 3"),
        (("a", "--script", "my script.py"), "rename the script"),
        (("a", "--script", "shout.py"), "is another file"),
        (("a", "--script", "fine.py", "--arguments", "{nothing}"), "nothing"),
        (("a", "--arguments", "'{input}"), "cannot be read (No closing quotation)"),
        (("a", "--sample", "empty.txt"), "empty.txt is empty"),
        (("a", "--script", "large.py"), "large.py is larger than 1 MiB"),
        (("a", "--script", "null.py"), "null.py: the script is no Python 3"),
        (("a", "--script", "folder.sh"), "folder.sh exists and is another file"),
        (("a", "--script", "near.py"), "imports .near, fine, library from its own folder"),
    ],
)
def test_what_cannot_be_proposed_is_one_clear_line_and_nothing_is_written(new, words, said):
    new.script("fine.py", RESIZE)
    new.script("plain", "echo\n")
    new.script("broken.py", "a = 1\nif\n")
    new.script("my script.py", RESIZE)
    new.script("shout.py", RESIZE)
    new.script("large.py", RESIZE + "#" * (1 << 20))
    new.script("null.py", "a\0b")
    new.script("folder.sh", "#!/bin/sh\ncp $1 $2/x\n")
    new.script("near.py", f"import fine\nfrom library.one import a\nfrom . import near\n{RESIZE}")
    (new.root / "library").mkdir()
    new.script("library/one.py", "a = 1\n")
    (new.root / "task_scripts/folder.sh").mkdir()
    new.sample("empty.txt", b"")
    new.sample("poem.txt", b"a\n")
    before = {path for path in new.root.rglob("*") if path.is_file()}
    usual = {"--script": "fine.py", "--sample": "poem.txt"}
    more = [word for pair in usual.items() if pair[0] not in words for word in pair]
    result = new(*words, *more)
    assert (result.exit_code, said in result.stderr) == (Exit.USAGE, True), result.output
    assert {path for path in new.root.rglob("*") if path.is_file()} == before


def test_packages_that_nodes_cannot_get_leave_nothing_behind(new, monkeypatch):
    def refused(*_):
        raise CommandError("pandas has no wheel for nodes", Exit.USAGE)

    monkeypatch.setattr(requirements, "compiled", refused)
    new.script("clean.py", TABLE)
    new.sample("t.csv")
    assert new("clean", "--script", "clean.py", "--sample", "t.csv").exit_code == Exit.USAGE
    assert not list(new.root.glob("task_scripts/environments/clean*"))
    assert not (new.root / "pipelines/clean.yaml").exists()


def test_packages_that_somebody_named_stay_as_they_are(new):
    named = new.root / "task_scripts/environments/clean.in"
    named.write_text("polars\n")
    new.script("clean.py", TABLE)
    new.sample("t.csv")
    result = new("clean", "--script", "clean.py", "--sample", "t.csv")
    assert result.exit_code == Exit.USAGE
    assert "environments/clean.in exists and is another file" in result.stderr
    assert named.read_text() == "polars\n"


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + RESIZE.encode(),
        b"# -*- coding: latin-1 -*-\n# caf\xe9\n" + RESIZE.encode(),
        RESIZE.replace("\n", "\r\n").encode(),
    ],
    ids=["byte order mark", "latin-1", "line ends of Windows"],
)
def test_a_script_is_decoded_as_python_does(new, content):
    (new.root / "copy.py").write_bytes(content)
    new.sample("photo.jpg", b"\xff\xd8\xff")
    result = new("copies", "--script", "copy.py", "--sample", "photo.jpg")
    assert result.exit_code == Exit.OK, result.output
    assert (new.root / "task_scripts/copy.py").read_bytes() == content


@pytest.mark.parametrize("name", ["a.c]sv", "a.c'\"s", "a.c: {d", "a.ü#x"])
def test_no_name_of_a_sample_breaks_the_definition(new, name):
    new.script("copy.py", RESIZE)
    new.sample(name)
    result = new("copies", "--script", "copy.py", "--sample", name)
    assert result.exit_code == Exit.OK, result.output
    assert new.definition("copies").trigger.blob.suffix == (name[1:].lower(),)


def test_no_name_in_a_script_breaks_the_definition(new):
    options = "--in\\npool: other", "--out"
    declared = "".join(f"p.add_argument('{one}', required=True)\n" for one in options)
    new.script("parse.py", f"import argparse\np = argparse.ArgumentParser()\n{declared}")
    new.sample("a.bin", b"\0")
    result = new("parses", "--script", "parse.py", "--sample", "a.bin")
    assert result.exit_code == Exit.OK, result.output
    assert new.definition("parses").pool == "cpu"


def test_arguments_keep_every_character(new):
    new.script("copy.py", RESIZE)
    new.sample("a.bin", b"\0")
    words = "{input} {output} \N{PARTY POPPER}"
    new("copies", "--script", "copy.py", "--sample", "a.bin", "--arguments", words)
    assert new.definition("copies").task.arguments == tuple(words.split())


def test_what_comes_next_names_the_project(new, tmp_path_factory, monkeypatch):
    new.script("copy.py", RESIZE)
    new.sample("a; b.bin", b"\0")
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    script, sample = new.root / "copy.py", new.root / "a; b.bin"
    told = new("c", "--script", str(script), "--sample", str(sample), "--project", str(new.root))
    assert f"next: fanfare try --project {new.root} c '{sample}'" in told.stdout
