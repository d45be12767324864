"""What is saved is what the next run uses: the local app follows its folder."""

from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient

from pipeline.cli.exits import Exit
from pipeline.cli.project import scaffold
from pipeline.cli.target import read_env
from tests.e2e.test_cli import Fanfare
from tests.patience import until

PROGRAM, DEFINITION = "task_scripts/shout.py", "pipelines/shout.yaml"


@pytest.fixture(scope="module")
def fanfare(tmp_path_factory):
    """Bring up the stack of a new project."""
    root = tmp_path_factory.mktemp("project")
    scaffold.of_template("project").write(root)
    command = Fanfare(root / ".fanfare", cwd=root)
    command.json("up")
    yield command
    command("down", "--force")


def edit(fanfare: Fanfare, name: str, old: str, new: str) -> None:
    path = fanfare.cwd / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def output_of(fanfare: Fanfare, pipeline: str, run: str) -> str:
    (file,) = fanfare.json("show", run)["files"]
    name = f"{pipeline}/{run}/g1/{file['name']}"
    blob = storage(fanfare).get_blob_client("output", name)
    return blob.download_blob().readall().decode()


def storage(fanfare: Fanfare) -> BlobServiceClient:
    connection = read_env(fanfare.data / "app.env")["AzureWebJobsStorage"]
    return BlobServiceClient.from_connection_string(connection)


def answer(fanfare: Fanfare, pipeline: str = "shout", name: str = "") -> str:
    more = ("--name", name) if name else ()
    run = fanfare.json("run", pipeline, "samples/poem.txt", *more)["id"]
    return output_of(fanfare, pipeline, run)


def done_inputs(fanfare: Fanfare) -> str:
    """Name the inputs of runs that have succeeded; `ls` would refuse to read the definitions."""
    container = storage(fanfare).get_container_client("output")
    names = [blob.name for blob in container.list_blobs("shout/")]
    texts = [container.download_blob(n).readall() for n in names if n.endswith("manifest.json")]
    return b"".join(texts).decode()


def log_of(fanfare: Fanfare) -> str:
    return "".join(path.read_text("utf-8") for path in Path(fanfare.data, "logs").glob("*"))


def test_an_edited_program_is_what_the_next_run_uses(fanfare):
    assert answer(fanfare, name="shout/a.txt").splitlines()[0] == "ROSES ARE RED"
    edit(fanfare, PROGRAM, "line.upper()", "line.title()")
    assert answer(fanfare, name="shout/b.txt").splitlines()[0] == "Roses Are Red"


def test_a_new_pipeline_needs_no_command(fanfare):
    text = (fanfare.cwd / DEFINITION).read_text().replace("shout/", "whisper/")
    (fanfare.cwd / "pipelines/whisper.yaml").write_text(text.replace("loud.txt", "soft.txt"))
    assert answer(fanfare, "whisper", name="whisper/a.txt").splitlines()


def test_broken_definitions_are_told_and_the_last_good_ones_stay(fanfare):
    edit(fanfare, DEFINITION, "split: {lines: {}}", "split: {liens: {}}")
    said = fanfare.refusal("run", "shout", "samples/poem.txt", code=Exit.USAGE)
    assert f"{DEFINITION}:" in said and "liens" in said
    data = b"an upload by another program\n"
    storage(fanfare).get_blob_client("input", "shout/other.txt").upload_blob(data)
    until(lambda: "other.txt" in done_inputs(fanfare), what="the run of the upload")
    assert "the last good ones stay" in log_of(fanfare)
    edit(fanfare, DEFINITION, "split: {liens: {}}", "split: {lines: {}}")
    assert answer(fanfare, name="shout/c.txt")


def test_a_new_pool_is_made_by_the_command_that_is_printed(fanfare):
    pool = (fanfare.cwd / "pools/cpu.yaml").read_text()
    (fanfare.cwd / "pools/more.yaml").write_text(pool.replace("slots: 2", "slots: 4"))
    edit(fanfare, DEFINITION, "pool: cpu", "pool: more")
    before = fanfare.json("up")["pid"]
    assert answer(fanfare, name="shout/d.txt")
    assert fanfare.json("up")["pid"] == before  # nothing was restarted


def test_a_run_starts_a_stack_that_is_down_and_fetches_the_answer(fanfare):
    fanfare("down")
    done = fanfare.plainly("run", "shout", "samples/poem.txt", "--get", "answer", "--json")
    assert done.returncode == Exit.OK, done.stderr
    assert len((fanfare.cwd / "answer/loud.txt").read_text().splitlines()) == 2
    said = fanfare.refusal("run", "shout", "samples/poem.txt", "--get", "answer", code=Exit.USAGE)
    assert "name another folder" in said
    fanfare("down")
    # Whoever names a target means what runs there.
    said = fanfare.refusal("run", "shout", "samples/poem.txt", code=Exit.UNREACHABLE)
    assert "is not up" in said
