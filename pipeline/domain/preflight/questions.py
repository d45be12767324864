"""The questions that a preflight asks: words for the Azure CLI, none of which changes anything.

Their answers are those that azure-cli 2.91.0 prints. Its own code was run on bodies of Azure's REST
interface: those of Batch follow a recording of Azure/azure-cli, src/azure-cli/azure/cli/
command_modules/batch/tests/latest/recordings/test_batch_general_arm_cmd.yaml; the others were
written from the fields that the CLI's code and public callers read. Names of apps and of Batch
accounts have no command: `az rest` asks.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from pipeline.domain.health.azure import BATCH_API
from pipeline.domain.preflight.findings import Intent, Reply, Unexpected, rows, text
from pipeline.domain.preflight.names import Names

_WEB_API = "2025-03-01"  # as infra/ has it


class Ask(StrEnum):
    """The questions, by what they are about."""

    LOGIN = "login"
    PROVIDERS = "providers"
    ROLES = "roles"
    GROUPS = "resource groups"
    RESOURCES = "resources"
    FLEX_REGIONS = "regions of Flex Consumption"
    FLEX_PYTHONS = "versions of Python"
    SIZES = "VM sizes"
    ACCOUNT_QUOTA = "quota of Batch accounts"
    ACCOUNTS = "Batch accounts"
    STORAGE_NAME = "storage name"
    APP_NAME = "app name"
    BATCH_NAME = "Batch name"
    ASSIGNMENTS = "policy assignments"
    DEFINITIONS = "policy definitions"
    SETS = "policy initiatives"
    IMAGES = "images"


type Replies = Mapping[Ask, Reply]
# Without what each provider has: that would be megabytes.
_STATES = "[].{{namespace:namespace,registrationState:registrationState}}"
_REGION = ("subscription", "location")
_PLACE = ("subscription", "environment", "location")


@dataclass(frozen=True)
class Question:
    """Words for `az`, the choices that they need, and after which wave of answers they come."""

    words: Callable[[Intent, Replies], tuple[str, ...]]
    needs: tuple[str, ...] = ("subscription",)
    wave: int = 1
    idle: Callable[[Intent, Replies], str] = lambda *_: ""
    """Return why there is nothing to ask; empty if there is."""


def missing(question: Question, intent: Intent) -> str:
    """Return why a question cannot be asked yet, or an empty text."""
    gone = [name for name in question.needs if not getattr(intent, name)]
    return f"not asked: no {' and no '.join(gone)} is chosen yet" if gone else ""


def asked(words: tuple[str, ...]) -> Callable[[Intent, Replies], tuple[str, ...]]:
    """Make the words of a question about the subscription; {location} and others are filled in."""

    def fill(intent: Intent, _: Replies) -> tuple[str, ...]:
        known = {"subscription": intent.subscription, "location": intent.location}
        known |= {"environment": intent.environment}
        return (*(word.format(**known) for word in words), "--subscription", intent.subscription)

    return fill


def _login(intent: Intent, _: Replies) -> tuple[str, ...]:
    named = ("--subscription", intent.subscription) if intent.subscription else ()
    return ("account", "show", *named)


def _roles(intent: Intent, _: Replies) -> tuple[str, ...]:
    return (
        "role", "assignment", "list", "--assignee", intent.principal,
        "--scope", f"/subscriptions/{intent.subscription}",
        "--include-inherited", "--include-groups", "--fill-principal-name", "false",
        "--subscription", intent.subscription,
    )  # fmt: skip


def names_of(intent: Intent) -> Names:
    """Return the names that the deployment will give."""
    return Names.of(intent.subscription, intent.environment, intent.location)


def _storage_name(intent: Intent, _: Replies) -> tuple[str, ...]:
    words = ("storage", "account", "check-name", "-n", names_of(intent).storage)
    return (*words, "--subscription", intent.subscription)


def _app_name(intent: Intent, _: Replies) -> tuple[str, ...]:
    url = f"/subscriptions/{intent.subscription}/providers/Microsoft.Web/checknameavailability"
    return _rest(f"{url}?api-version={_WEB_API}", names_of(intent).app, "Microsoft.Web/sites")


def _batch_name(intent: Intent, _: Replies) -> tuple[str, ...]:
    region = f"providers/Microsoft.Batch/locations/{intent.location}/checkNameAvailability"
    url = f"/subscriptions/{intent.subscription}/{region}?api-version={BATCH_API}"
    return _rest(url, names_of(intent).batch, "Microsoft.Batch/batchAccounts")


def _rest(url: str, name: str, kind: str) -> tuple[str, ...]:
    body = json.dumps({"name": name, "type": kind})
    return ("rest", "--method", "post", "--url", url, "--body", body)


def own_account(intent: Intent, accounts: object) -> Mapping[str, object] | None:
    """Return the Batch account of this deployment, if it was made before. Raises Unexpected."""
    wanted = names_of(intent).batch
    return next((one for one in rows(accounts) if text(one, "name") == wanted), None)


def _images(intent: Intent, replies: Replies) -> tuple[str, ...]:
    account = own_account(intent, replies[Ask.ACCOUNTS].content) or {}
    name, endpoint = names_of(intent).batch, f"https://{account.get('accountEndpoint')}"
    words = ("batch", "pool", "supported-images", "list", "--account-name", name)
    return (*words, "--account-endpoint", endpoint)


def _no_account(intent: Intent, replies: Replies) -> str:
    reply = replies[Ask.ACCOUNTS]
    if reply.trouble:
        return reply.trouble
    try:
        there = own_account(intent, reply.content)
    except Unexpected as error:
        return str(error)
    return "" if there else "only a Batch account tells its images, and this one is not there yet"


QUESTIONS: Mapping[Ask, Question] = {
    Ask.LOGIN: Question(_login, needs=(), wave=0),
    Ask.PROVIDERS: Question(
        asked(("provider", "list", "--query", _STATES))
    ),
    Ask.ROLES: Question(_roles, ("subscription", "principal")),
    Ask.GROUPS: Question(asked(("group", "list")), _PLACE),
    Ask.RESOURCES: Question(
        asked(("resource", "list", "--tag", "azd-env-name={environment}")), _PLACE
    ),
    Ask.FLEX_REGIONS: Question(asked(("functionapp", "list-flexconsumption-locations")), _REGION),
    Ask.FLEX_PYTHONS: Question(
        asked(("functionapp", "list-flexconsumption-runtimes", "-l", "{location}",
               "--runtime", "python")),
        _REGION,
    ),
    Ask.SIZES: Question(asked(("batch", "location", "list-skus", "-l", "{location}")), _REGION),
    Ask.ACCOUNT_QUOTA: Question(
        asked(("batch", "location", "quotas", "show", "-l", "{location}")), _REGION
    ),
    Ask.ACCOUNTS: Question(asked(("batch", "account", "list")), _PLACE),
    Ask.STORAGE_NAME: Question(_storage_name, _PLACE),
    Ask.APP_NAME: Question(_app_name, _PLACE),
    Ask.BATCH_NAME: Question(_batch_name, _PLACE),
    Ask.ASSIGNMENTS: Question(asked(("policy", "assignment", "list"))),
    Ask.DEFINITIONS: Question(asked(("policy", "definition", "list"))),
    Ask.SETS: Question(asked(("policy", "set-definition", "list"))),
    Ask.IMAGES: Question(_images, _PLACE, wave=2, idle=_no_account),
}  # fmt: skip
