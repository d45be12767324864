"""A plan says which secrets it needs, and on a local stack which of them are missing."""

from dataclasses import replace

import pytest

from pipeline.settings import SECRETS_FILE
from tests.unit.cli.conftest import LINES

TEXT = LINES.replace(
    "task: {",
    "task: {secrets: {TOKEN: my-vault/token, KEY: {from: my-vault/key, as: file}}, ",
)


@pytest.fixture
def cli(cli_with):
    cli = cli_with(TEXT)
    (cli.folder / SECRETS_FILE).write_text("my-vault/token: value-of-the-token\n")
    return cli


def test_a_plan_names_what_the_file_lacks_and_shows_no_value(cli):
    made = cli("plan", "job", cli.file())
    assert made.exit_code == 0
    assert (
        "TOKEN of task from my-vault/token, KEY of task from my-vault/key as a file (missing)"
        in (" ".join(made.stdout.split()))
    )
    assert f"{SECRETS_FILE} has no secret my-vault/key: add a line" in made.stderr
    assert "value-of" not in made.stdout + made.stderr


def test_programs_get_them_as_a_list(cli):
    assert cli.json("plan", "job", cli.file())["secrets"] == [
        {
            "stage": "task",
            "variable": "TOKEN",
            "from": "my-vault/token",
            "as": "env",
            "found": True,
        },
        {"stage": "task", "variable": "KEY", "from": "my-vault/key", "as": "file", "found": False},
    ]


def test_a_value_that_cannot_be_given_is_one_that_is_missing(cli):
    (cli.folder / SECRETS_FILE).write_text("my-vault/token: abc\nmy-vault/key: defghij\n")
    made = cli("plan", "job", cli.file())
    assert "The secret my-vault/token has fewer than 6 characters" in made.stderr
    assert "my-vault/token (missing)" in " ".join(made.stdout.split())


def test_in_azure_only_the_app_asks_the_vaults(cli, tmp_path):
    cli.app.engine = replace(cli.app.engine, local=False)
    found = cli.json("plan", "job", cli.file(), "--target", tmp_path)["secrets"]
    assert [one["found"] for one in found] == [None, None]


def test_a_pipeline_without_secrets_says_nothing_of_them(cli_with):
    cli = cli_with(LINES)
    assert "secrets" not in cli("plan", "job", cli.file()).stdout
