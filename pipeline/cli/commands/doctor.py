"""`fanfare doctor`: checks a deployment, and names the command that fixes each fault."""

import queue
from dataclasses import asdict, replace
from threading import Thread
from typing import Annotated
from urllib.parse import urlsplit

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.cli.checks import CHECKS, Check, Ward
from pipeline.cli.exits import Exit
from pipeline.cli.project.parameters import subscribers
from pipeline.cli.session import Session
from pipeline.cli.target import StackDown
from pipeline.cli.views import wording
from pipeline.domain.catalogue.catalogue import DefinitionError
from pipeline.domain.definitions.pool import left_out
from pipeline.domain.health import findings as health
from pipeline.domain.health import machine as health_machine
from pipeline.domain.health.findings import Deployment, Finding, Level
from pipeline.domain.waiting.remedies import BY_HAND
from pipeline.errors import FanfareError
from pipeline.settings import Settings

_SIGNS = {
    Level.OK: ("✓", "green"),
    Level.NOTE: ("!", "yellow"),
    Level.FAULT: ("✗", "red"),
    Level.UNREACHABLE: ("✗", "red"),
    Level.AZURE: ("-", "dim"),
}
_REPORT = f"{BY_HAND}report this with the answer of: fanfare doctor --json"
_CODES = {Level.OK: Exit.OK, Level.UNREACHABLE: Exit.UNREACHABLE}


def doctor(
    context: typer.Context,
    wait: Annotated[
        float, typer.Option(min=1, max=600, help="Seconds to wait for the checks.")
    ] = 60.0,
) -> None:
    """Check a deployment as its user; each finding comes with the command that fixes it."""
    session: Session = context.obj
    try:
        ward = session.ward(wait) if session.ward else ward_of(session, wait)
        found = [
            replace(finding, mend=session.addressed(finding.mend))
            for finding in examine(session, ward, wait)
        ]
    except DefinitionError as error:
        found = [health_machine.definitions(str(error))]
    except StackDown as error:
        found = [health_machine.stack_down("it is not up", error.remedy)]
    gravest = health.exit_level(found)
    healthy = gravest is Level.OK
    answer = {"healthy": healthy, "findings": [asdict(finding) for finding in found]}
    session.answer(answer, shown(found))
    if not healthy:
        raise typer.Exit(_CODES.get(gravest, Exit.FAILED))


def ward_of(session: Session, wait: float) -> Ward:
    """Make the deployment to check from the target's env file."""
    # They import SDKs, which takes seconds that no other command should pay.
    from pipeline.adapters import management, survey  # noqa: PLC0415 see above
    from pipeline.adapters.identity import credentials  # noqa: PLC0415

    values, settings = session.values(), session.settings()
    names = ("AZURE_SUBSCRIPTION_ID", "AZURE_RESOURCE_GROUP", "AZURE_BATCH_ACCOUNT")
    more = ("AZURE_STORAGE_ACCOUNT", "AZURE_FUNCTION_APP", "AZURE_LOCATION")
    last = "FANFARE_NODE_IDENTITY"
    where = Deployment(*(values.get(name, "") for name in (*names, *more, last)))
    topic = (urlsplit(settings.topic_endpoint).hostname or "").partition(".")[0]
    without = left_out(values.get("FANFARE_WITHOUT_POOLS", ""))
    named = not (settings.local or where.managed)
    where = replace(where, topic=topic, named=named, without=without)
    return Ward(
        session.engine,
        survey.connect(settings),
        management.connect(where) if where.managed else None,
        where,
        {"Storage": credentials.storage_account(settings).blob, **_urls(settings, where)},
        session.sleep,
        wait * 0.75,
        session.stack().data if settings.local else None,
        None if settings.local else subscribers(session.project),
    )


def _urls(settings: Settings, where: Deployment) -> dict[str, str]:
    """Return the URLs that must answer; any status except a server error is fine."""
    urls = {"Batch": settings.batch_endpoint}
    topic = urlsplit(settings.topic_endpoint)
    urls["topic"] = f"{topic.scheme}://{topic.netloc}/"
    if where.app:
        urls["function app"] = f"https://{where.app}.azurewebsites.net/"
    return urls


def examine(session: Session, ward: Ward, wait: float) -> list[Finding]:
    """Run all checks at once; a check that fails or takes too long becomes a finding."""
    answers: queue.Queue[tuple[str, list[Finding]]] = queue.Queue()
    for name, check in CHECKS.items():
        # Daemons: a check that hangs must not keep the command from ending.
        Thread(
            target=lambda n=name, c=check: answers.put((n, _made(n, c, ward))), daemon=True
        ).start()
    found: dict[str, list[Finding]] = {}
    until = session.monotonic() + wait
    with session.busy("Running all checks") as status:
        while len(found) < len(CHECKS):
            try:
                name, result = answers.get(timeout=max(0.01, until - session.monotonic()))
            except queue.Empty:
                break
            found[name] = result
            if status:
                left = [each for each in CHECKS if each not in found]
                status.update(f"{len(found)} of {len(CHECKS)} checks; left: {', '.join(left)}")
    slow = f"no answer within {wait:.0f} s"
    late = "it may be down, or a network on the way may drop your requests"
    return [
        finding
        for name in CHECKS
        for finding in found.get(
            name, [Finding(name, Level.UNREACHABLE, slow, late, "fanfare doctor --wait 300")]
        )
    ]


def _made(name: str, check: Check, ward: Ward) -> list[Finding]:
    try:
        return check(ward)
    except FanfareError as error:
        return [health.refusal(name, _status(error), str(error), ward.where)]
    except Exception as error:  # noqa: BLE001 - one broken check must not stop the others
        said = f"the check failed ({type(error).__name__}: {wording.one_line(str(error), 200)})"
        return [Finding(name, Level.FAULT, said, "its subject was not checked", _REPORT)]


def _status(error: FanfareError) -> int | None:
    """Return the HTTP status behind an error; 0 for an error that no service caused."""
    for one in (error, error.__cause__):
        status = getattr(one, "status", None) or getattr(one, "status_code", None)
        if isinstance(status, int):
            return status
    return None if "no answer" in str(error) else 0


def shown(found: list[Finding]) -> RenderableType:
    """Draw the findings with the commands that fix them, and how many there are."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in found:
        sign, colour = _SIGNS[finding.level]
        what = (
            finding.what if finding.level is not Level.AZURE else f"only in Azure: {finding.what}"
        )
        table.add_row(Text(sign, colour), finding.check, Text(wording.one_line(what)))
        if finding.why:
            table.add_row("", "", Text(wording.one_line(finding.why), "dim"))
        if finding.mend:
            table.add_row("", "", Text(f"→ {finding.mend}", "cyan"))
    wrong = sum(finding.level not in (Level.OK, Level.AZURE) for finding in found)
    return Group(table, Text(), Text(wording.count(wrong, "finding") if wrong else "Healthy."))
