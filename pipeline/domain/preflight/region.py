"""Judges the region, and the names that have to be free there."""

from collections.abc import Mapping

from pipeline.domain.preflight.findings import Found, Intent, State, row, rows, text, truth
from pipeline.domain.preflight.questions import names_of
from pipeline.domain.waiting.remedies import BY_HAND

_OTHER_NAME = "azd env new OTHER_NAME"


def flex(intent: Intent, regions: object) -> list[Found]:
    """Judge whether the region has the plan Flex Consumption."""
    there = sorted(text(one, "name") for one in rows(regions))
    if intent.location in there:
        return [Found("Flex Consumption", State.OK, f"{intent.location} has it")]
    why = f"{intent.location} does not have it; {len(there)} regions do"
    fix = (
        "az functionapp list-flexconsumption-locations -o table; azd env set AZURE_LOCATION REGION"
    )
    return [Found("Flex Consumption", State.REFUSES, why, fix)]


def python(intent: Intent, runtimes: object) -> list[Found]:
    """Judge whether Flex Consumption has the app's Python in the region."""
    there = [text(one, "version") for one in rows(runtimes) if text(one, "name") == "python"]
    if intent.python in there:
        return [Found("Python", State.OK, f"{intent.location} has {intent.python}")]
    why = f"{intent.location} does not have {intent.python}, but {', '.join(there) or 'none'}"
    fix = (
        f"az functionapp list-flexconsumption-runtimes -l {intent.location} --runtime python; "
        f"{BY_HAND}set `pythonVersion` in infra/main.parameters.json, or choose another region"
    )
    return [Found("Python", State.REFUSES, why, fix)]


def storage_name(intent: Intent, answer: object, resources: object) -> list[Found]:
    """Judge whether the name of the storage account is free, or has been this deployment's."""
    return [_name("storage account", names_of(intent).storage, answer, resources)]


def app_name(intent: Intent, answer: object, resources: object) -> list[Found]:
    """Judge whether the name of the function app is free, or has been this deployment's."""
    return [_name("function app", names_of(intent).app, answer, resources)]


def batch_name(intent: Intent, answer: object, resources: object) -> list[Found]:
    """Judge whether the name of the Batch account is free, or has been this deployment's."""
    return [_name("Batch account", names_of(intent).batch, answer, resources)]


def _name(what: str, name: str, answer: object, resources: object) -> Found:
    check, told = f"name of {what}", row(answer)
    if truth(told, "nameAvailable"):
        return Found(check, State.OK, f"{name} is free")
    if any(one.get("name") == name for one in rows(resources)):
        return Found(check, State.OK, f"{name} is this environment's own")
    return Found(check, State.REFUSES, f"{name}: {_why(told)}", _OTHER_NAME)


def _why(told: Mapping[str, object]) -> str:
    return str(told.get("message") or told.get("reason") or "is not free")
