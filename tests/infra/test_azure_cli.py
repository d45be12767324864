"""Every `az` command that the doctor or the documentation advises exists, with its options."""

import ast
import re
from itertools import takewhile

import pytest

from pipeline.cli.subscribing import azure
from pipeline.cli.subscribing.wanted import Filter, Verdict, Wanted
from pipeline.domain.health.findings import Deployment
from pipeline.domain.preflight.findings import Intent, Reply
from pipeline.domain.preflight.questions import QUESTIONS, Ask, names_of
from tests.infra.deployment import ROOT

# As `az COMMAND --help` of azure-cli 2.91.0 lists them; all commands have -o and --query.
OPTIONS = {
    "account get-access-token": {"--scope"},
    "account list": set(),
    "account show": {"--subscription"},
    "account set": {"-s"},
    "ad app federated-credential create": {"--id", "--parameters"},
    "batch account list": {"--subscription"},
    "batch account login": {"-n", "-g"},
    "batch account show": {"-n", "-g"},
    "batch location list-skus": {"-l", "--subscription"},
    "batch location quotas show": {"-l", "--subscription"},
    "batch node list": {"--pool-id"},
    "batch pool autoscale enable": {"--pool-id", "--auto-scale-formula"},
    "batch pool delete": {"--pool-id"},
    "batch pool list": set(),
    "batch pool show": {"--pool-id"},
    "batch pool supported-images list": {"--account-name", "--account-endpoint"},
    "bicep install": {"--version"},
    "deployment sub what-if": {
        "--location",
        "--template-file",
        "--parameters",
        "--validation-level",
    },
    "eventgrid event-subscription create": {
        "--source-resource-id",
        "--name",
        "--event-delivery-schema",
        "--endpoint-type",
        "--endpoint",
        "--delivery-identity",
        "--delivery-identity-endpoint-type",
        "--delivery-identity-endpoint",
        "--included-event-types",
        "--advanced-filter",
    },
    "eventgrid event-subscription delete": {"--source-resource-id", "--name"},
    "eventgrid system-topic event-subscription list": {"-g", "--system-topic-name"},
    "eventgrid topic event-subscription delete": {"-g", "--topic-name", "-n"},
    "eventgrid topic show": {"-g", "-n"},
    "functionapp list-flexconsumption-locations": {"--subscription"},
    "functionapp list-flexconsumption-runtimes": {"-l", "--runtime", "--subscription"},
    "functionapp restart": {"-g", "-n"},
    "functionapp show": {"-g", "-n"},
    "group list": {"--subscription"},
    "identity federated-credential create": set(),
    "login": set(),
    "policy assignment list": {"--subscription"},
    "policy definition list": {"--subscription"},
    "policy set-definition list": {"--subscription"},
    "provider list": {"--subscription"},
    "provider register": {"-n", "--subscription", "--wait"},
    "resource list": {"--tag", "--subscription"},
    "rest": {"--method", "--url", "--body"},
    "role assignment create": {
        "--role",
        "--scope",
        "--assignee",
        "--assignee-principal-type",
        "--assignee-object-id",
    },
    "role assignment list": {
        "--all",
        "--assignee",
        "--fill-principal-name",
        "--include-groups",
        "--include-inherited",
        "--resource-group",
        "--scope",
        "--subscription",
    },
    "storage account check-name": {"-n", "--subscription"},
    "storage blob list": {"-c", "--account-name", "--auth-mode"},
    "storage entity show": {
        "-t",
        "--partition-key",
        "--row-key",
        "--account-name",
        "--auth-mode",
    },
    "storage queue create": {"-n", "--account-name", "--auth-mode"},
    "storage message peek": {"-q", "--num-messages", "--account-name", "--auth-mode"},
    "vm list-usage": {"-l"},
    "vm list-skus": {"-l", "--size", "--subscription"},
}
ANYWHERE = {"-o", "--query"}
# Batch's data plane: these commands must know the account.
DATA_PLANE = re.compile(r"az batch (?:pool|node|job|task) ")
DOCTOR = (
    "domain/health/findings.py",
    "domain/health/pools.py",
    "domain/health/azure.py",
    "domain/health/lifetimes.py",
    "domain/health/subscribers.py",
    "domain/preflight/machines.py",
    "domain/preflight/policies.py",
    "domain/preflight/region.py",
    "domain/preflight/security.py",
    "domain/preflight/subscription.py",
    "cli/checks.py",
)
GUIDES = ("docs/deploy.md", "docs/doctor.md", "docs/http.md", "docs/subscribing.md", "README.md")
WORKFLOWS = tuple(str(p.relative_to(ROOT)) for p in (ROOT / ".github/workflows").glob("*.yml"))
HOOKS = ("azure.yaml", "pipeline/cli/project/template/azure.yaml")


def texts_of_the_doctor():
    """Return the doctor's texts, with X for values."""
    for name in DOCTOR:
        tree = ast.parse((ROOT / "pipeline" / name).read_text("utf-8"))
        filled = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
        parts = {id(part) for text in filled for part in text.values}
        for text in filled:
            yield "".join(filled_in(part) for part in text.values)
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and id(node) not in parts:
                yield str(node.value)


def filled_in(part):
    if isinstance(part, ast.Constant):
        return str(part.value)
    login = ast.unparse(part.value).endswith(".batch_login")
    return Deployment(batch="X", group="X").batch_login if login else "X"


def commands_of(text):
    """Return (command, options) of every `az` in a text."""
    for said in re.findall(r"\baz ([a-z][^;`\n|)]*)", text.replace("\\\n", " ")):
        words = said.split()
        name = " ".join(takewhile(re.compile("[a-z][a-z-]*").fullmatch, words))
        yield name, {w for w in words if re.fullmatch(r"--?[a-z][a-z-]*", w)} - ANYWHERE


def texts_of_subscribing():
    """Return what `fanfare subscribe` and `unsubscribe` print for a deployment."""
    topic = azure.Topic("S", "G", "A", "T")
    only = Filter(("word-count",), (Verdict.FAILED,))
    wanted = Wanted("n", "https://example.org/"), Wanted("n", queue="desk", filter=only)
    yield from (command for each in wanted for command in azure.commands(topic, each))
    yield azure.deletion(topic, "n")


def questions_of_the_preflight():
    """Return the words of each question to `az`, about a deployment that has its account."""
    intent = Intent("S", "demo", "westeurope", "P")
    accounts = Reply([{"name": names_of(intent).batch, "accountEndpoint": "E"}])
    for question in QUESTIONS.values():
        yield question.words(intent, {Ask.ACCOUNTS: accounts})


def every_text():
    yield from texts_of_subscribing()
    yield from (f"az {' '.join(words)}" for words in questions_of_the_preflight())
    yield from (text for text in texts_of_the_doctor() if re.search(r"\baz [a-z]", text))
    for name in (*GUIDES, *WORKFLOWS, *HOOKS):
        yield (ROOT / name).read_text("utf-8")


def test_every_command_exists_with_its_options():
    found = [command for text in every_text() for command in commands_of(text)]
    assert len(found) > 25
    assert [c for c in found if c[0] not in OPTIONS or not c[1] <= OPTIONS[c[0]]] == []


def test_every_command_of_the_table_is_advised():
    used = {name for text in every_text() for name, _ in commands_of(text)}
    assert set(OPTIONS) - used == set()


def test_who_is_sent_to_the_data_plane_of_batch_is_logged_in_to_the_account_first():
    """Without a login `az batch pool show` ends with: Specify batch account in command line …"""
    for text in every_text():
        for found in DATA_PLANE.finditer(text):
            login = "az batch account login" in text[: found.start()]
            assert login or "--account-endpoint" in text, text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("az a b -n X --all; rest", ("a b", {"-n", "--all"})),
        ("`az a-b list`, and", ("a-b list", set())),
        ("az a \\\n  --file x", ("a", {"--file"})),
    ],
)
def test_commands_are_read(text, found):
    assert list(commands_of(text)) == [found]
