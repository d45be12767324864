"""`fanfare preflight`: asks Azure, before money is spent, what would refuse a deployment."""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.adapters.az import Az
from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.project import targets
from pipeline.cli.project.parameters import python_version
from pipeline.cli.project.targets import LOCAL
from pipeline.cli.session import Session
from pipeline.cli.target import read_env
from pipeline.cli.views import wording
from pipeline.domain.preflight.checks import judged
from pipeline.domain.preflight.findings import (
    Found,
    Intent,
    Malformed,
    Reply,
    State,
    Unexpected,
    row,
)
from pipeline.domain.preflight.questions import QUESTIONS, Ask, missing
from pipeline.domain.waiting.remedies import BY_HAND

_AT_ONCE = 4  # a call of `az` takes a processor for a second or two
_SIGNS = {
    State.OK: ("✓", "green"),
    State.WARNS: ("!", "yellow"),
    State.REFUSES: ("✗", "red"),
    State.UNKNOWN: ("?", "yellow"),
}


def preflight(
    context: typer.Context,
    location: Annotated[str | None, typer.Option(help="Region, such as westeurope.")] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the azd environment, from which names derive.")
    ] = None,
    subscription: Annotated[str | None, typer.Option(help="Id of the subscription.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="As `azd env set` would set it."),
    ] = None,
    wait: Annotated[
        float, typer.Option(min=1, max=600, help="Seconds to wait for each answer of az.")
    ] = 90.0,
) -> None:
    """Ask Azure what would refuse a deployment, before it costs anything; changes nothing.

    Reads the azd environment of the target, or azd's default one; options come before it. Asks by
    `az`, which has to be logged in. Ends with 1 if something would refuse the deployment, and with
    3 if Azure cannot be asked.
    """
    session: Session = context.obj
    values = environment(session) | _settings(settings or ())
    given = (("AZURE_LOCATION", location), ("AZURE_ENV_NAME", name))
    for key, value in (*given, ("AZURE_SUBSCRIPTION_ID", subscription)):
        values |= {key: value} if value else {}
    pools = tuple(pool for _, pool in sorted(session.definitions().pools.items()))
    try:
        python = python_version(session.project)
        intent = Intent.of(values, python, pools, datetime.now(UTC).date())
    except Malformed as error:
        raise CommandError(str(error), Exit.USAGE) from error
    found, reached = examine(session, intent, wait)
    refused = any(one.state is State.REFUSES for one in found)
    answer = {"asked": reached, "refused": refused, "findings": [asdict(one) for one in found]}
    session.answer(answer, shown(found, reached))
    if not reached or refused:
        raise typer.Exit(Exit.FAILED if reached else Exit.UNREACHABLE)


def _settings(given: Iterable[str]) -> dict[str, str]:
    """Read KEY=VALUE. Raises CommandError."""
    pairs = [one.partition("=") for one in given]
    if wrong := [key for key, equals, _ in pairs if not equals or not key]:
        raise CommandError(f"--set takes KEY=VALUE, not {wrong[0][:80]!r}.", Exit.USAGE)
    return {key: value for key, _, value in pairs}


def environment(session: Session) -> dict[str, str]:
    """Read the azd environment that the target names, or azd's default one, if there is any."""
    path = session.target
    if path is None and (default := targets.default_environment(session.project)) != LOCAL:
        path = targets.path_of(default, session.project)
        session.note(f"environment: {default}")
    if path is None:
        return {}
    return read_env(path / ".env" if path.is_dir() else path)


@dataclass
class _Asking:
    """The questions of one preflight, and what was answered so far."""

    session: Session
    az: Az
    limit_s: float
    replies: dict[Ask, Reply] = field(default_factory=dict)

    def wave(self, number: int, intent: Intent) -> None:
        """Ask all questions of a wave, a few at once, and show which are left."""
        left: set[Ask] = set()
        with self.session.busy("Asking Azure") as status, ThreadPoolExecutor(_AT_ONCE) as pool:
            calls: dict[Future[Reply], Ask] = {}
            for ask, question in QUESTIONS.items():
                if question.wave != number:
                    continue
                why = missing(question, intent) or question.idle(intent, self.replies)
                if why:
                    self.replies[ask] = Reply(trouble=why)
                    continue
                words = question.words(intent, self.replies)
                calls[pool.submit(self.az.ask, words, self.limit_s)] = ask
            left |= set(calls.values())
            for ask, reply in self._ended(calls):
                self.replies[ask] = reply
                left.discard(ask)
                if status:
                    status.update(f"Asking Azure; left: {', '.join(sorted(left))}")

    def _ended(self, calls: Mapping[Future[Reply], Ask]) -> Iterator[tuple[Ask, Reply]]:
        try:
            for call in as_completed(calls):
                yield calls[call], call.result()
        except BaseException:
            self.az.stop()  # else the threads would wait for what nobody wants any more
            raise


def examine(session: Session, intent: Intent, limit_s: float) -> tuple[list[Found], bool]:
    """Ask everything, and judge it; also return whether Azure could be asked at all."""
    az = Az.found()
    if az is None:
        said, fix = "`az` is not on the PATH", f"{BY_HAND}install the Azure CLI, then: az login"
        return [Found("login", State.UNKNOWN, said, fix)], False
    session.note(f"Asking Azure {len(QUESTIONS)} questions by `az`; nothing is changed.")
    asking = _Asking(session, az, limit_s)
    asking.wave(0, intent)
    try:
        intent = _logged_in(intent, asking.replies[Ask.LOGIN])
    except Unexpected as error:
        return [Found("login", State.UNKNOWN, str(error), "az login")], False
    for number in (1, 2):
        asking.wave(number, intent)
    return judged(intent, asking.replies), True


def _logged_in(intent: Intent, reply: Reply) -> Intent:
    if reply.trouble:
        raise Unexpected(reply.trouble)
    return intent.of_login(row(reply.content))


def shown(found: list[Found], reached: bool) -> RenderableType:
    """Draw the findings with the commands that fix them, and what they mean together."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for one in found:
        sign, colour = _SIGNS[one.state]
        table.add_row(
            Text(sign, colour),
            wording.one_line(one.name, 60),
            Text(wording.one_line(one.evidence, 600)),
        )
        if one.fix and one.state is not State.OK:
            table.add_row("", "", Text(f"→ {wording.one_line(one.fix, 2000)}", "cyan"))
    return Group(table, Text(), Text(_together(found) if reached else "Azure could not be asked."))


def _together(found: list[Found]) -> str:
    count = {state: sum(one.state is state for one in found) for state in State}
    if count[State.REFUSES]:
        return f"{wording.count(count[State.REFUSES], 'finding')} would refuse the deployment."
    rest = f"{count[State.WARNS]} warn, {count[State.UNKNOWN]} unknown."
    return f"Nothing that was asked refuses the deployment: {rest}"
