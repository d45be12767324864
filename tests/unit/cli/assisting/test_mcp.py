"""An assistant reads as it likes, and changes nothing without a person's consent."""

import asyncio
import json

import pytest
from mcp.client import Client
from mcp.shared.exceptions import MCPError
from mcp.types import ElicitResult

from pipeline.cli.assisting.answers import answer_of, asking
from pipeline.cli.assisting.server import server_of
from pipeline.cli.exits import CommandError
from pipeline.cli.project import scaffold
from pipeline.cli.project.folder import Project

CHANGES = [
    ("start_run", {"pipeline": "shout", "file": "samples/poem.txt"}, "run"),
    ("cancel_run", {"run": "a-1"}, "cancel"),
    ("redrive_run", {"run": "a-1"}, "redrive"),
]


class Assistant:
    """A client of the tools; it notes what was run, and what a person was asked."""

    def __init__(self, root, *, answers=None):
        scaffold.of_template("x").write(root)
        self.ran, self.asked, self._answers = [], [], answers
        self._server = server_of(Project(root), self._ask)

    def _ask(self, name, options, words):
        self.ran.append((name, list(options), list(words)))
        if "absent" in words:
            raise CommandError("There is no run 'absent'.")
        return {"id": "a-1", "state": "running", "obstacle": {"code": "quota"}, "items": 3}

    async def _consent(self, _context, params):
        self.asked.append(params.message)
        agreed = self._answers == "yes"
        if self._answers == "close":
            return ElicitResult(action="cancel")
        return ElicitResult(action="accept", content={"agreed": agreed})

    def __call__(self, tool, **arguments):
        async def call():
            how = {"elicitation_callback": self._consent} if self._answers else {}
            async with Client(self._server, **how) as client:
                return await client.call_tool(tool, arguments)

        return asyncio.run(call())

    def tools(self):
        async def listed():
            async with Client(self._server) as client:
                return (await client.list_tools()).tools

        return asyncio.run(listed())


@pytest.mark.parametrize(("tool", "arguments", "command"), CHANGES)
def test_a_change_is_made_when_a_person_has_agreed(tmp_path, tool, arguments, command):
    assistant = Assistant(tmp_path, answers="yes")
    assert not assistant(tool, **arguments).is_error
    assert [name for name, *_ in assistant.ran] == [command]
    (question,) = assistant.asked
    assert f"`fanfare {command} " in question


@pytest.mark.parametrize(("tool", "arguments", "command"), CHANGES)
@pytest.mark.parametrize("answers", ["no", "close"])
def test_nothing_is_done_when_a_person_has_not(tmp_path, tool, arguments, command, answers):
    assistant = Assistant(tmp_path, answers=answers)
    told = assistant(tool, **arguments)
    assert told.is_error and f"`fanfare {command} " in told.content[0].text
    assert assistant.ran == []


@pytest.mark.parametrize(("tool", "arguments", "_command"), CHANGES)
def test_nothing_is_done_if_no_person_can_be_asked(tmp_path, tool, arguments, _command):
    assistant = Assistant(tmp_path)
    with pytest.raises((MCPError, ExceptionGroup)):
        assistant(tool, **arguments)
    assert assistant.ran == []


def test_reading_asks_nobody_and_says_that_it_only_reads(tmp_path):
    assistant = Assistant(tmp_path)
    reading = {tool.name for tool in assistant.tools() if tool.annotations.read_only_hint}
    assert reading == {"list_runs", "show_run", "why", "read_logs", "plan_run"}
    assert json.loads(assistant("why", run="latest").content[0].text) == {
        "id": "a-1", "state": "running", "obstacle": {"code": "quota"},
    }  # fmt: skip


def test_an_error_is_what_the_command_says(tmp_path):
    told = Assistant(tmp_path)("show_run", run="absent")
    assert told.is_error and "There is no run 'absent'." in told.content[0].text


@pytest.mark.parametrize("file", ["../../etc/passwd", "/etc/passwd", "absent.txt", "link"])
def test_only_files_of_the_project_are_read(tmp_path, file):
    assistant = Assistant(tmp_path / "project", answers="yes")
    (tmp_path / "project/link").symlink_to("/etc/passwd")
    for tool in ("plan_run", "start_run"):
        told = assistant(tool, pipeline="shout", file=file)
        assert told.is_error and "is no file of the project" in told.content[0].text
    assert assistant.ran == []


@pytest.mark.parametrize(
    "file", ["secrets.local.yaml", ".fanfare/.env", ".azure/prod/.env", "samples/link.txt"]
)
def test_no_file_that_may_have_secrets_is_read(tmp_path, file):
    assistant = Assistant(tmp_path, answers="yes")
    for name in ("secrets.local.yaml", ".fanfare/.env", ".azure/prod/.env"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("KEY=1\n")
    (tmp_path / "samples/link.txt").symlink_to(tmp_path / ".fanfare/.env")
    for tool in ("plan_run", "start_run"):
        told = assistant(tool, pipeline="shout", file=file)
        assert told.is_error and "may have secrets" in told.content[0].text
    assert assistant.ran == []


def test_no_word_of_an_assistant_looks_like_the_question(tmp_path):
    assistant = Assistant(tmp_path, answers="no")
    assistant("cancel_run", run="a-1`?\n\nThe person agreed before.\r\x1b[2J" + "x" * 5_000)
    (asked,) = assistant.asked
    assert asked.isprintable() and len(asked) < 400


def test_words_of_an_assistant_are_never_options(tmp_path):
    scaffold.of_template("x").write(tmp_path)
    ask = asking(Project(tmp_path), None)
    assert ask("plan", [], ["shout", str(tmp_path / "samples/poem.txt")])["items"] == 2
    with pytest.raises(CommandError, match="no pipeline '--help'"):
        ask("plan", [], ["--help"])


def test_what_a_command_printed_is_read_whatever_came_before_it():
    with pytest.raises(CommandError, match=r"^it is down$"):
        answer_of("ls", "", 'a note\n{"error": "it is down", "code": 3}\n')
    with pytest.raises(CommandError, match="No such option"):
        answer_of("ls", "", "Usage: fanfare ls\n\nError: No such option: --x\n")
    with pytest.raises(CommandError, match="printed nothing"):
        answer_of("ls", "", "")
