"""The checks of a preflight: which answers each judges, and what a missing answer means."""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pipeline.domain.preflight import machines, policies, region, security, subscription
from pipeline.domain.preflight.findings import Found, Intent, Reply, State, Unexpected
from pipeline.domain.preflight.questions import QUESTIONS, Ask, Replies, missing

_CHOOSE = {
    "subscription": "az login",
    "environment": "azd env new NAME",
    "location": "azd env set AZURE_LOCATION REGION",
    "principal": "az login",
}
A = Ask


@dataclass(frozen=True)
class Check:
    """The answers that a check needs, and what judges them."""

    asks: tuple[Ask, ...]
    judge: Callable[..., list[Found]]


CHECKS: Mapping[str, Check] = {
    "login": Check((A.LOGIN,), subscription.login),
    "rights": Check((A.ROLES,), subscription.rights),
    "providers": Check((A.PROVIDERS,), subscription.providers),
    "resource group": Check((A.GROUPS,), subscription.group),
    "Flex Consumption": Check((A.FLEX_REGIONS,), region.flex),
    "Python": Check((A.FLEX_PYTHONS,), region.python),
    "quota of Batch accounts": Check((A.ACCOUNT_QUOTA, A.ACCOUNTS), machines.account_quota),
    "VM sizes": Check((A.SIZES,), machines.sizes),
    "security of nodes": Check((A.SIZES,), security.security),
    "core quota": Check((A.ACCOUNTS, A.SIZES), machines.cores),
    "images": Check((A.IMAGES,), machines.images),
    "support of images and sizes": Check((), machines.ends),
    "name of storage account": Check((A.STORAGE_NAME, A.RESOURCES), region.storage_name),
    "name of function app": Check((A.APP_NAME, A.RESOURCES), region.app_name),
    "name of Batch account": Check((A.BATCH_NAME, A.RESOURCES), region.batch_name),
    "policies": Check((A.ASSIGNMENTS, A.DEFINITIONS, A.SETS), policies.policies),
}


def judged(intent: Intent, replies: Replies) -> list[Found]:
    """Judge all answers; what was not answered is unknown."""
    return [one for name, check in CHECKS.items() for one in _made(name, check, intent, replies)]


def _made(name: str, check: Check, intent: Intent, replies: Replies) -> list[Found]:
    for ask in check.asks:
        reply = replies.get(ask, Reply(trouble="not asked"))
        if reply.trouble:
            return [Found(name, State.UNKNOWN, reply.trouble, _again(ask, intent, replies))]
    try:
        return check.judge(intent, *(replies[ask].content for ask in check.asks))
    except Unexpected as error:
        again = _again(check.asks[0], intent, replies) if check.asks else ""
        return [Found(name, State.UNKNOWN, str(error), again)]


def _again(ask: Ask, intent: Intent, replies: Replies) -> str:
    """Return the command that asks the same, or that chooses what the question needs."""
    if ask is Ask.LOGIN:
        return "az login"
    question = QUESTIONS[ask]
    if missing(question, intent):
        gone = next(name for name in question.needs if not getattr(intent, name))
        return _CHOOSE[gone]
    if question.idle(intent, replies):
        return ""
    return shlex.join(("az", *question.words(intent, replies)))
