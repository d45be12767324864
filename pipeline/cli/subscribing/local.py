"""Subscriptions of the local stack: made, found again, and ended."""

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.stack.config import COMPLETIONS, TOPIC
from pipeline.cli.stack.grid import EventGrid, Properties, Refused
from pipeline.cli.subscribing.wanted import Wanted

_HANDSHAKE = (
    "It has to answer an OPTIONS request with 200 and the header "
    "`WebHook-Allowed-Origin: eventgrid.azure.net`. docs/subscribing.md has a receiver that does."
)


@dataclass(frozen=True)
class Subscriptions:
    """The subscriptions to ended runs; `addressed` names the stack in a command that is told."""

    grid: EventGrid
    addressed: Callable[[str], str]

    def all(self) -> dict[str, Properties]:
        """Return the properties of each by name."""
        return self.grid.subscriptions(TOPIC)

    def subscribe(self, wanted: Wanted, prepare: Callable[[], object]) -> bool:
        """Create a subscription; return whether it was missing. Raises CommandError.

        `prepare` makes its target, once nothing speaks against the subscription.
        """
        properties, there = wanted.properties(), self.all()
        known = there.get(wanted.name)
        if known is not None and known != properties:
            raise CommandError(self._other(wanted.name))
        twin = next((name for name, found in there.items() if found == properties), wanted.name)
        if known is None and twin != wanted.name:
            raise CommandError(
                f"The subscription {twin} sends the same events to {wanted.target} already: each "
                "would come twice."
            )
        prepare()
        if known is None:
            self._create(wanted)
        return known is None

    def need(self, name: str) -> None:
        """Raise CommandError for a subscription that is not there, or is the stack's own."""
        if name == COMPLETIONS:
            raise CommandError(
                f"The subscription {COMPLETIONS} is the local stack's own, and stays.", Exit.USAGE
            )
        there = self.all()
        if name not in there:
            known = ", ".join(sorted(there)) or "none"
            raise CommandError(f"There is no subscription {name} (there are: {known}).")

    def unsubscribe(self, name: str) -> None:
        """End a subscription. Raises CommandError as `need` does."""
        self.need(name)
        self.grid.delete(TOPIC, name)

    def _create(self, wanted: Wanted) -> None:
        try:
            self.grid.create(TOPIC, wanted.name, wanted.properties())
        except Refused as error:
            if not wanted.url:
                raise
            raise CommandError(
                f"{wanted.target} does not take events, so nothing was made. {error.reason} "
                f"{_HANDSHAKE}"
            ) from error

    def _other(self, name: str) -> str:
        if name == COMPLETIONS:
            return (
                f"The queue {COMPLETIONS} gets all events of a local stack, and stays so: choose "
                "another --queue or --name."
            )
        return (
            f"There is another subscription {name} already: choose another --name, or end that one "
            f"with `{self.addressed(f'fanfare unsubscribe {name}')}`."
        )
