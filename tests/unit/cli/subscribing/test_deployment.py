"""`fanfare subscribe` against a deployment: it prints, and changes nothing."""

import json
import shlex
import subprocess

import pytest
from typer.testing import CliRunner

from pipeline.cli.exits import Exit
from pipeline.cli.main import app as fanfare
from pipeline.cli.session import Session
from pipeline.cli.target import render_env

GROUP = "/subscriptions/s-1/resourceGroups/rg-shop/providers"
TOPIC = f"{GROUP}/Microsoft.EventGrid/topics/fanfare-runs-abc"
ACCOUNT = f"{GROUP}/Microsoft.Storage/storageAccounts/stshop"
VALUES = {
    "AZURE_SUBSCRIPTION_ID": "s-1",
    "AZURE_RESOURCE_GROUP": "rg-shop",
    "AZURE_STORAGE_ACCOUNT": "stshop",
    "FANFARE_TOPIC_ENDPOINT": "https://fanfare-runs-abc.westeurope-1.eventgrid.azure.net/api/events",
    "FANFARE_BATCH_ENDPOINT": "https://x",
    "FANFARE_NODE_IDENTITY": "x",
    **{
        f"AzureWebJobsStorage__{kind}ServiceUri": f"https://stshop.{kind}.core.windows.net"
        for kind in ("blob", "queue", "table")
    },
}
URL = "https://example.org/hook?code=a&b='c"


@pytest.fixture
def run(tmp_path):
    def with_values(values, *arguments, obj=None):
        (tmp_path / ".env").write_text(render_env(values))
        command = [*arguments, "--target", str(tmp_path / ".env")]
        return CliRunner().invoke(fanfare, command, obj=obj)

    return with_values


def options(command: str) -> dict[str, list[str]]:
    """Return the options of a command with their values, as a shell would pass them."""
    found: dict[str, list[str]] = {}
    for word in shlex.split(command):
        if word.startswith("-"):
            found[word] = values = []
        elif found:
            values.append(word)
    return found


def test_a_web_hook_is_one_command_and_one_entry(run):
    told = run(VALUES, "subscribe", URL, "--print", "--json")
    answer = json.loads(told.stdout)
    (command,) = answer["commands"]
    assert options(command) == {
        "--source-resource-id": [TOPIC],
        "--name": ["example-org-hook"],
        "--event-delivery-schema": ["cloudeventschemav1_0"],
        "--endpoint-type": ["webhook"],
        "--endpoint": [URL],
    }
    assert answer["subscriber"] == {"kind": "webhook", "name": "example-org-hook", "endpoint": URL}


def test_a_queue_is_made_and_opened_to_the_topic_before_it_is_subscribed(run):
    words = ("--pipeline", "word-count", "--verdict", "failed")
    answer = json.loads(
        run(VALUES, "subscribe", "--queue", "desk", *words, "--print", "--json").stdout
    )
    queue, sender, role, subscription = answer["commands"]
    assert options(queue) == {
        "-n": ["desk"],
        "--account-name": ["stshop"],
        "--auth-mode": ["login"],
    }
    assert sender.startswith("SENDER=$(az eventgrid topic show -g rg-shop -n fanfare-runs-abc ")
    target = f"{ACCOUNT}/queueServices/default/queues/desk"
    assert options(role)["--scope"] == [target]
    assert role.endswith('--assignee-object-id "$SENDER"')
    found = options(subscription)
    assert found["--delivery-identity-endpoint"] == [target]
    assert found["--advanced-filter"] == ["data.pipeline", "StringIn", "word-count"]
    assert found["--included-event-types"] == ["fanfare.run.failed"]
    assert answer["subscriber"]["filter"]["includedEventTypes"] == ["fanfare.run.failed"]
    assert answer["subscriber"]["resourceId"] == ACCOUNT


def test_what_is_printed_can_be_pasted(run):
    """A shell takes each line as it stands, also in a terminal that is narrow."""
    text = run(VALUES, "subscribe", URL, "--print").stdout
    lines = [line for line in text.splitlines() if line.startswith("az ")]
    assert len(lines) == 1
    said = subprocess.run(
        ["sh", "-c", f'az() {{ printf "%s\\n" "$@"; }}; {lines[0]}'],
        check=True, capture_output=True, text=True,
    ).stdout.splitlines()  # fmt: skip
    assert said == shlex.split(lines[0])[1:]
    assert URL in said


@pytest.mark.parametrize(
    "arguments", [("subscribe", URL), ("subscribe", "--queue", "desk"), ("unsubscribe", "desk")]
)
def test_without_print_nothing_is_done_and_that_is_no_success(run, arguments):
    told = run(VALUES, *arguments)
    assert told.exit_code == Exit.USAGE
    assert "Nothing was changed" in told.stderr and "--print" in told.stderr


def test_the_end_is_a_command_of_the_azure_cli(run):
    ended = json.loads(run(VALUES, "unsubscribe", "desk", "--print", "--json").stdout)
    assert options(ended["commands"][0]) == {"--source-resource-id": [TOPIC], "--name": ["desk"]}


HELD = {
    "shop": {
        "destination": {
            "endpointType": "WebHook",
            "properties": {"endpointBaseUrl": "https://example.org/hook"},
        },
        "filter": {
            "includedEventTypes": ["fanfare.run.failed"],
            "advancedFilters": [
                {"operatorType": "StringIn", "key": "data.pipeline", "values": ["a", "b"]}
            ],
        },
    },
    "desk": {
        "destination": None,
        "deliveryWithResourceIdentity": {
            "destination": {
                "endpointType": "StorageQueue",
                "properties": {"resourceId": ACCOUNT, "queueName": "desk"},
            },
        },
    },
    "lake": {
        "destination": {"endpointType": "EventHub", "properties": {"resourceId": "/x/hubs/h"}}
    },
    "odd\x1b[31m": {"filter": [], "destination": "none"},
}


def test_the_list_is_read_from_azure(run):
    asked = []

    def subscriptions(*where):
        asked.append(where)
        return HELD

    session = Session(subscriptions=subscriptions)
    rows = json.loads(run(VALUES, "subscribe", "--list", "--json", obj=session).stdout)
    assert asked == [("s-1", "rg-shop", "fanfare-runs-abc")]
    assert [tuple(row.values()) for row in rows["subscriptions"]] == [
        ("desk", "the queue desk", [], []),
        ("lake", "EventHub h", [], []),
        ("odd\\x1b[31m", "somewhere", [], []),
        ("shop", "https://example.org/hook", ["a", "b"], ["failed"]),
    ]
    assert "shop" in run(VALUES, "subscribe", "--list", obj=session).stdout


@pytest.mark.parametrize("name", ["AZURE_SUBSCRIPTION_ID", "AZURE_STORAGE_ACCOUNT"])
def test_a_target_that_does_not_tell_its_topic_is_refused(run, name):
    told = run({**VALUES, name: ""}, "subscribe", URL, "--print")
    assert told.exit_code == Exit.UNREACHABLE and name in told.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Give a URL or --queue NAME"),
        ((URL, "--queue", "desk"), "one of them"),
        ((URL, "--list"), "give nothing else"),
        (("http://10.0.0.1/", "--print"), "https:// only"),
        (("https://10.0.0.1/", "--print"), "Azure cannot reach"),
        (("--queue", "work", "--print"), "engine's own"),
        (("--queue", "desk", "--verdict", "late"), "'late' is not one of"),
    ],
)
def test_a_wrong_use_is_told(run, arguments, said):
    told = run(VALUES, "subscribe", *arguments)
    assert told.exit_code == Exit.USAGE and said in told.stderr


def test_a_pipeline_that_is_not_there_is_refused_with_those_that_are(run):
    told = run(VALUES, "subscribe", URL, "--pipeline", "word-cuont", "--print")
    assert told.exit_code != Exit.OK and "word-count" in told.stderr


def test_events_of_a_deployment_need_the_name_of_a_queue(run):
    told = run(VALUES, "events")
    assert told.exit_code == Exit.USAGE and "--queue" in told.stderr
