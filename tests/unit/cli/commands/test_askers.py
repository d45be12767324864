"""Commands that change runs record who uses them, and `fanfare show` tells."""

from pipeline.adapters.identity.callers import of_token
from pipeline.cli.project.folder import current
from pipeline.cli.target import caller, os_user
from pipeline.domain.runs.asking.askers import AskerKind
from pipeline.handlers.engine import Engine
from tests.fakes.identity.tenant import signed
from tests.fakes.node import Failure
from tests.unit.cli.conftest import ALICE, LINES


def names(cli) -> list[tuple[str, str]]:
    return [(str(entry.act), str(entry.by)) for entry in cli.app.all_runs()[0].asked]


def test_cancel_redrive_and_purge_name_the_user_of_the_command(cli):
    cli.app.upload("lines/a.txt", b"x\n")
    cli.app.pump()
    for words in (["cancel", "latest"], ["redrive", "latest"], ["purge", "latest", "--yes"]):
        assert cli(*words).exit_code == 0
    acts = [("cancel", "user alice"), ("redrive", "user alice"), ("purge", "user alice")]
    assert names(cli) == [("start", "trigger blob"), *acts]


def test_cancel_of_everything_names_the_user(cli):
    cli.app.upload("lines/a.txt", b"x\n")
    cli.app.pump()
    cli("cancel", "--all", "--yes")
    assert names(cli)[1:] == [("cancel", "user alice")]


def test_a_backfill_and_a_request_name_the_user(cli_with):
    cli = cli_with(LINES)
    cli.app.loses = lambda _: True
    cli.app.upload("lines/a.txt", b"x\n")
    cli("backfill", "job", "--yes")
    assert names(cli) == [("start", "user alice")]


def test_a_run_that_a_command_starts_by_request_names_the_user(cli_with):
    cli = cli_with(LINES.replace("blob: {container: input, prefix: lines/}, ", ""))
    assert cli("run", "job", cli.file()).exit_code == 0
    assert names(cli) == [("start", "user alice")]


def test_show_tells_who_asked_for_what(cli_with):
    cli = cli_with(LINES, program=lambda _: Failure(tail="no"))
    run = cli.finished()
    cli("redrive", run)
    shown = cli("show", run).stdout
    assert "start by" in shown
    assert "trigger blob, 20" in shown
    assert "user alice (alice@laptop), 20" in shown
    answer = cli.json("show", run)
    assert answer["by"] == ALICE.model_dump(mode="json")
    assert [entry["act"] for entry in answer["asked"]] == ["start", "redrive"]


def test_on_this_machine_the_user_is_that_of_the_process_whatever_the_environment_says(
    cli, monkeypatch
):
    expected = os_user()
    monkeypatch.setenv("LOGNAME", "somebody-else")
    monkeypatch.setenv("USER", "somebody-else")
    here = Engine(cli.app.engine.ports, cli.app.engine.catalogue, None, {}, local=True)
    assert caller(None, here, current()) == expected
    assert expected.kind is AskerKind.USER
    assert expected.id.startswith(f"{expected.name}@")


def test_the_login_of_a_deployment_is_who_its_token_names():
    who = {"oid": "o-1", "scp": "user_impersonation", "upn": "ann@x.org"}
    assert str(of_token(signed(who))) == "user ann@x.org"
    assert str(of_token(signed({"oid": "o-2", "appid": "pipeline"}))) == "app pipeline"


def test_a_token_that_cannot_be_read_names_nobody():
    for token in ("", "opaque", "a.b.c", "a.bnVsbA.c", "a.é.c"):
        assert of_token(token).id == ""
