"""Targets, the local stack's configuration, and its folder."""

import fcntl
import json

import pytest
from typer.testing import CliRunner

from emulators.eventgrid.filters import parse_filter
from emulators.stack.config import StackConfig
from pipeline import __version__
from pipeline.bootstrap import APP_ROOT
from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.main import app as fanfare
from pipeline.cli.project.folder import current
from pipeline.cli.session import exit_code
from pipeline.cli.stack import config as local
from pipeline.cli.stack.config import Keys, Wishes, stack_config
from pipeline.cli.stack.process import LocalStack
from pipeline.cli.stack.stamp import ENGINE, engine_stamp
from pipeline.cli.target import addressed, read_env, render_env, settings_of
from pipeline.domain.runs.messages import Queue
from pipeline.errors import Conflict, NotFound, Transient
from pipeline.settings import Settings

KEYS = Keys.draw(lambda size: b"k" * size)


def test_settings_survive_a_file(tmp_path):
    values = {"A": 'say "hi" $HOME \\ there', "B": "a=b;c=d==", "C": ""}
    (tmp_path / "env").write_text("# azd\nexport D='plain'\n\n" + render_env(values))
    assert read_env(tmp_path / "env") == {"D": "plain", **values}


def test_a_stack_that_is_not_up_is_an_error_that_says_so(tmp_path):
    (tmp_path / "stack.lock").touch()
    with pytest.raises(CommandError, match="not up") as caught:
        settings_of(tmp_path)
    assert exit_code(caught.value) is Exit.UNREACHABLE


def test_a_deployment_is_read_from_its_env_file(tmp_path):
    names = [f"AzureWebJobsStorage__{kind}ServiceUri" for kind in ("blob", "queue", "table")]
    names += ["FANFARE_BATCH_ENDPOINT", "FANFARE_TOPIC_ENDPOINT", "FANFARE_NODE_IDENTITY"]
    (tmp_path / ".env").write_text(render_env(dict.fromkeys(names, "https://x")))
    assert settings_of(tmp_path).batch_key == settings_of(tmp_path / ".env").batch_key == ""


@pytest.mark.parametrize(
    ("remedy", "said"),
    [
        (
            "fanfare up; fanfare redrive a-1",
            "fanfare up --data {0}; fanfare redrive a-1 --target {0}",
        ),
        (
            "fanfare logs a-1; by hand: then fanfare up",
            "fanfare logs a-1 --target {0}; by hand: then fanfare up",
        ),
        ("az login; azd provision", "az login; azd provision"),
        ("", ""),
    ],
)
def test_a_remedy_names_the_target_of_the_command(tmp_path, remedy, said):
    assert addressed(remedy, tmp_path) == said.format(tmp_path)
    assert addressed(remedy, None) == addressed(remedy, LocalStack().env) == remedy


def test_a_missing_target_ends_a_command_with_3(tmp_path):
    result = CliRunner().invoke(fanfare, ["ls", "--target", str(tmp_path / "absent.env")])
    assert result.exit_code == Exit.UNREACHABLE
    assert "absent.env" in result.stderr and "Traceback" not in result.output


def test_the_stack_accepts_its_configuration():
    config = StackConfig.model_validate(stack_config(KEYS, APP_ROOT, APP_ROOT, Wishes(port=5000)))
    assert sorted(config.ports.values()) == list(range(5000, 5007))
    filled = {
        name: text.replace("{", "").replace("}", "") for name, text in config.settings.items()
    }
    assert Settings.from_env(filled, APP_ROOT).patience.push.total_seconds() == 1


def test_blobs_of_the_engine_itself_start_no_run():
    subscriptions = local.eventgrid_config(APP_ROOT)["eventSubscriptions"]
    (filtered,) = [s["properties"]["filter"] for s in subscriptions if s["name"] == "blob-events"]
    excluded = parse_filter(filtered).advanced[0].values
    named = {value.split("/")[4] for value in excluded}
    ours = {"work", "engine", "output", "receipts", "scripts", "dead-letter", "deployments"}
    assert named == {*ours, "azure-webjobs-"}  # the last is a prefix of the host's own containers


def test_every_queue_that_events_go_to_is_created():
    queues = local.queues_of(local.eventgrid_config(APP_ROOT))
    assert set(queues) - set(Queue) == {local.COMPLETIONS}


def test_keys_are_drawn_once_and_kept_private(tmp_path):
    stack = LocalStack(tmp_path)
    assert stack.keys() == stack.keys()
    assert (tmp_path / "keys.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "text", ["", "[]", '{"storage": "x"}', json.dumps(dict.fromkeys(vars(KEYS), "a2V5"))]
)
def test_damaged_keys_name_the_way_out(tmp_path, text):
    (tmp_path / "keys.json").write_text(text)
    with pytest.raises(CommandError, match=f"fanfare up --fresh --data {tmp_path}`"):
        LocalStack(tmp_path).keys()


def test_a_stack_runs_while_its_folder_is_locked(tmp_path):
    stack = LocalStack(tmp_path)
    assert not stack.running()
    with (tmp_path / "stack.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert stack.running()
        with pytest.raises(CommandError, match="not the local stack"):
            stack.stop()
    assert not stack.running()


def test_only_folders_of_a_stack_are_erased(tmp_path):
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(CommandError, match="delete it yourself"):
        LocalStack(tmp_path).erase()
    (tmp_path / "keys.json").touch()
    LocalStack(tmp_path).erase()
    assert not tmp_path.exists()


def test_down_without_a_stack_is_fine(tmp_path):
    result = CliRunner().invoke(fanfare, ["down", "--data", str(tmp_path), "--json"])
    assert json.loads(result.stdout) == {"stopped": False}


def test_an_edited_engine_is_noticed(tmp_path):
    (tmp_path / "pipeline/handlers").mkdir(parents=True)
    before = engine_stamp(tmp_path, "x")
    (tmp_path / "pipeline/handlers/new.py").write_text("a = 1\n")
    assert before != engine_stamp(tmp_path, "x") != engine_stamp(tmp_path, "y")


def test_every_part_of_the_engine_is_looked_at():
    """The command line is not a part of the app: an edit of it needs no restart."""
    parts = {path for path in (APP_ROOT / "pipeline").iterdir() if path.name[0] not in "._"}
    looked = {APP_ROOT / part for part in ENGINE}
    unlooked = {path.name for path in parts - looked if path.suffix in ("", ".py")}
    assert unlooked == {"cli"}


@pytest.mark.parametrize(
    ("error", "code"),
    [(Transient(), Exit.UNREACHABLE), (Conflict(), Exit.FAILED), (NotFound(), Exit.FAILED)],
)
def test_errors_choose_their_exit_code(error, code):
    assert exit_code(error) is code


def test_the_default_target_is_the_local_stack():
    assert LocalStack().data == current().data == APP_ROOT / ".fanfare"


def test_hints_name_the_folder_in_use_and_no_other(tmp_path):
    folder = tmp_path / "my data"
    assert LocalStack(folder).command("up") == f"fanfare up --data '{folder}'"
    assert LocalStack(folder).against("ls") == f"fanfare ls --target '{folder}'"
    assert LocalStack().command("up") == "fanfare up"


def test_the_version_is_that_of_the_project():
    result = CliRunner().invoke(fanfare, ["--version"])
    assert (result.exit_code, result.stdout) == (Exit.OK, f"fanfare {__version__}\n")
