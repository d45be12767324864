"""Which targets are spoken to over HTTP, with which credential, and which refuse it."""

import json

import pytest

from pipeline.cli.doors import address
from pipeline.cli.doors.address import Address
from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.project import scaffold, targets
from pipeline.cli.project.folder import Project
from pipeline.cli.session import Session, exit_code
from pipeline.cli.target import render_env

CLIENT = "0f3cbb6c-5c55-4f53-8f2a-6a1f7b8d9e10"
APP = {"AZURE_FUNCTION_APP": "func-x", "FANFARE_HTTP_CLIENT_ID": CLIENT}


@pytest.fixture
def project(tmp_path, monkeypatch) -> Project:
    scaffold.of_template("x").write(tmp_path)
    monkeypatch.chdir(tmp_path)
    for name in (address.KEY, address.CLIENT):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return Project(tmp_path)


def environment(project, name="prod", **values):
    file = project.root / ".azure" / name / ".env"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(render_env(APP | values))


def aimed(project, named=None, *, direct=False) -> Session:
    session = Session(direct=direct, command="purge")
    session.project = project
    session.aim(named)
    return session


def test_an_environment_of_azd_is_spoken_to_by_http_with_a_token(project):
    environment(project)
    found = aimed(project, "prod").address
    assert found == Address("https://func-x.azurewebsites.net", client=CLIENT)
    environment(project, AZURE_FUNCTION_URL="https://func-x-a1.westeurope-01.azurewebsites.net/")
    found = aimed(project, "prod").address
    assert found.url == "https://func-x-a1.westeurope-01.azurewebsites.net"


def test_the_local_stack_and_a_file_without_an_app_are_reached_directly(project):
    (project.root / "own.env").write_text(render_env({"FANFARE_BATCH_ENDPOINT": "https://b"}))
    assert [aimed(project, name).address for name in (None, "local", "own.env")] == [None] * 3


def test_direct_is_a_choice_of_each_command(project):
    environment(project)
    assert aimed(project, "prod", direct=True).address is None


def test_a_remedy_says_direct_where_its_command_did(project):
    environment(project)
    session = aimed(project, ".azure/prod/.env", direct=True)
    said = session.addressed("fanfare redrive a-1; az login")
    assert said == "fanfare redrive a-1 --target .azure/prod/.env --direct; az login"


def test_what_works_directly_only_names_the_option_and_the_roles(project):
    environment(project)
    with pytest.raises(CommandError, match="`fanfare purge` cannot do this over HTTP") as refused:
        _ = aimed(project, "prod").engine
    said = str(refused.value)
    assert exit_code(refused.value) is Exit.USAGE
    assert "--direct" in said
    for role in ("Blob Data Contributor", "Table Data Contributor", "Azure Batch Data Contributor"):
        assert role in said


def test_an_app_without_a_registration_is_refused_with_both_ways_out(project):
    environment(project, FANFARE_HTTP_CLIENT_ID="")
    with pytest.raises(CommandError, match="prod has no app registration") as refused:
        _ = aimed(project, "prod").address
    assert "docs/http.md#tokens" in str(refused.value) and "--direct" in str(refused.value)


def test_a_url_of_a_stack_takes_the_key_of_its_folder(project):
    url = "http://127.0.0.1:7071"
    (project.data / "functions").mkdir(parents=True)
    state = {"endpoints": {"functions": {"endpoint": url}}}
    (project.data / "stack.json").write_text(json.dumps(state))
    (project.data / "functions/keys.json").write_text(json.dumps({"host": {"default": "k"}}))
    assert aimed(project, f"{url}/").address == Address(url, key="k")
    with pytest.raises(CommandError, match="FANFARE_HTTP_KEY"):
        _ = aimed(project, "http://127.0.0.1:7072").address


def test_a_key_of_the_environment_counts_for_this_machine_alone(project, monkeypatch):
    monkeypatch.setenv(address.KEY, "mine")
    assert aimed(project, "http://localhost:1").address == Address("http://localhost:1", key="mine")
    with pytest.raises(CommandError, match="no app registration"):
        _ = aimed(project, "https://example.org").address
    monkeypatch.setenv(address.CLIENT, CLIENT)
    found = aimed(project, "https://example.org").address
    assert found == Address("https://example.org", client=CLIENT)
    assert "mine" not in repr(aimed(project, "http://localhost:1").address)


def test_a_url_is_saved_with_the_client_id_of_its_tokens(project):
    targets.save(project, "https://example.org", CLIENT)
    assert targets.chosen(project).name == "https://example.org"
    session = aimed(project)
    assert session.address == Address("https://example.org", client=CLIENT)
    assert session.addressed("fanfare show a-1") == "fanfare show a-1"


def test_a_url_that_is_named_has_the_client_id_it_was_saved_with(project):
    targets.save(project, "https://example.org", CLIENT)
    assert aimed(project, "https://example.org").address.client == CLIENT
    assert targets.named("https://example.org.evil.org", project).client == ""
    other = aimed(project, "https://other.example.org")
    said = other.addressed("fanfare show a-1")
    assert said == "fanfare show a-1 --target https://other.example.org"


def test_a_file_of_a_project_chooses_no_url_to_which_a_token_would_go(project):
    (project.root / ".fanfare-target").write_text(f"https://evil.example {CLIENT}\n")
    with pytest.raises(CommandError, match="cannot choose where your token goes"):
        aimed(project)
    targets.save(project, "https://example.org", CLIENT)
    assert aimed(project).address.url == "https://example.org"
    assert not (project.root / ".fanfare-target").exists()


def test_a_url_is_chosen_for_one_project_until_another_choice(project, tmp_path):
    targets.save(project, "https://example.org", CLIENT)
    other = Project(tmp_path / "other")
    assert targets.chosen(other).name == "local"
    environment(project)
    targets.save(project, "prod")
    assert targets.chosen(project).name == "prod"
    targets.save(project, "https://example.org", CLIENT)
    targets.save(project, "local")
    assert targets.chosen(project).name == "local"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://example.org", "not encrypted"),
        ("https://", "not the address of an app"),
        ("https://user:word@example.org", "not the address of an app"),
        ("https://example.org/api/runs", "not the address of an app"),
        ("https://example.org?code=1", "not the address of an app"),
        ("https://[::", "not the address of an app"),
        ("https://example.org:x", "not the address of an app"),
    ],
)
def test_a_url_that_is_no_address_is_refused_before_anything_is_sent(project, url, said):
    with pytest.raises(CommandError, match=said):
        _ = aimed(project, url).address


@pytest.mark.parametrize("client", ["https://management.azure.com", "x", f"{CLIENT}/y", CLIENT[1:]])
def test_a_client_id_cannot_become_the_scope_of_another_service(project, client):
    environment(project, FANFARE_HTTP_CLIENT_ID=client)
    with pytest.raises(CommandError, match="client id"):
        _ = aimed(project, "prod").address


def test_an_address_and_direct_exclude_each_other(project):
    with pytest.raises(CommandError, match="does not say where Storage and Batch are"):
        _ = aimed(project, "https://example.org", direct=True).address


def test_what_needs_a_file_of_settings_is_refused_for_an_address(project):
    session = aimed(project, "https://example.org")
    for ask in (session.values, session.settings, session.stack):
        with pytest.raises(CommandError, match="over HTTP"):
            ask()
