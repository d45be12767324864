"""Judges the subscription: login, resource providers, the deployer's rights, what exists there."""

from collections.abc import Collection, Iterable

from pipeline.domain.health.azure import PROVIDERS
from pipeline.domain.preflight.findings import Found, Intent, Row, State, row, rows, text
from pipeline.domain.waiting.remedies import BY_HAND

# What the templates make in a virtual network beside it; Microsoft.App owns a delegated subnet.
PRIVATE_PROVIDERS = ("Microsoft.Network", "Microsoft.App")
# A deployment registers the providers of its own resources by itself, and no template names it.
_NEVER_BY_ITSELF = "Microsoft.App"
_ASSIGNERS = frozenset(
    {"Owner", "User Access Administrator", "Role Based Access Control Administrator"}
)
_MAKERS = frozenset({"Owner", "Contributor"})


def login(intent: Intent, account: object) -> list[Found]:
    """Judge the subscription that `az` works on."""
    found = row(account)
    name, state = text(found, "name"), text(found, "state")
    said = f"{text(row(found.get('user')), 'name')} in {name} ({text(found, 'id')})"
    if state != "Enabled":
        why = f"the subscription {name} is {state}: nothing can be made in it"
        return [Found("login", State.REFUSES, why, "az account list -o table")]
    return [Found("login", State.OK, said)]


def providers(intent: Intent, listed: object) -> list[Found]:
    """Judge whether the resource providers are registered for the subscription."""
    states = {
        text(one, "namespace").lower(): text(one, "registrationState") for one in rows(listed)
    }
    needed = (*PROVIDERS, *(PRIVATE_PROVIDERS if intent.private else ()))
    return [_provider(name, states.get(name.lower(), "not known here"), intent) for name in needed]


def _provider(name: str, state: str, intent: Intent) -> Found:
    check = f"provider {name}"
    if state == "Registered":
        return Found(check, State.OK, "is registered")
    fix = f"az provider register -n {name} --subscription {intent.subscription}"
    if name == _NEVER_BY_ITSELF:
        why = f"is {state}: the app in the private network ends with InternalServerError"
        return Found(check, State.REFUSES, why, fix)
    why = f"is {state}: the deployment registers it by itself, if you may, and waits for it"
    return Found(check, State.WARNS, why, fix)


def rights(intent: Intent, assignments: object) -> list[Found]:
    """Judge whether the deployer may make resources and assign roles.

    The assignments are those at the subscription or above, also of the deployer's groups.
    """
    held = _held(rows(assignments))
    lacks = [
        (what, role)
        for what, roles, role in (
            ("make resources", _MAKERS, "Contributor"),
            ("assign roles", _ASSIGNERS, "Role Based Access Control Administrator"),
        )
        if not roles & set(held)
    ]
    if lacks:
        return [_lack(*one, held, intent) for one in lacks]
    assigners = sorted(_ASSIGNERS & set(held))
    if not any(held[name] for name in assigners):
        why = f"{', '.join(assigners)} has a condition, which may refuse roles"
        return [Found("rights", State.WARNS, why, _shown(intent))]
    return [Found("rights", State.OK, f"{', '.join(sorted(held))} on the subscription")]


def _held(assignments: Iterable[Row]) -> dict[str, bool]:
    """Return the roles that somebody has, and whether one assignment of each is unconditional."""
    held: dict[str, bool] = {}
    for one in assignments:
        named = one.get("roleDefinitionName")
        role = named if isinstance(named, str) else text(one, "roleDefinitionId")
        held[role] = held.get(role, False) or not one.get("condition")
    return held


def _lack(what: str, role: str, held: Collection[str], intent: Intent) -> Found:
    """Report a right that no known role gives; a role of the organisation itself may give it."""
    known = _MAKERS | _ASSIGNERS | {"Reader"}
    others = sorted(set(held) - known)
    scope = f"/subscriptions/{intent.subscription}"
    fix = (
        f"az role assignment create --role '{role}' --assignee {intent.principal} "
        f"--scope {scope}; {BY_HAND}an owner of the subscription has to do it"
    )
    if others:
        said = f"no known role lets you {what}; whether {', '.join(others)} does is not known"
        return Found("rights", State.UNKNOWN, said, _shown(intent))
    roles = ", ".join(sorted(held)) or "no role"
    return Found("rights", State.REFUSES, f"you may not {what}: you have {roles}", fix)


def _shown(intent: Intent) -> str:
    scope = f"/subscriptions/{intent.subscription}"
    return (
        f"az role assignment list --assignee {intent.principal} --scope {scope} "
        "--include-inherited --include-groups -o table"
    )


def group(intent: Intent, groups: object) -> list[Found]:
    """Judge whether the resource group can be made, or is the one that was made before."""
    check = f"group {intent.group}"
    there = [one for one in rows(groups) if text(one, "name").lower() == intent.group.lower()]
    if not there:
        return [Found(check, State.OK, "is not there yet")]
    where, tags = text(there[0], "location"), there[0].get("tags")
    if where != intent.location:
        why = f"lies in {where}, and a group cannot move to {intent.location}"
        return [Found(check, State.REFUSES, why, "azd env new OTHER_NAME")]
    if not isinstance(tags, dict) or tags.get("azd-env-name") != intent.environment:
        why = "is there, and azd did not make it: `azd down` would delete what else is in it"
        return [Found(check, State.WARNS, why, "azd env new OTHER_NAME")]
    return [Found(check, State.OK, "is that of this environment")]
