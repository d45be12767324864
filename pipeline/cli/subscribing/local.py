"""Subscriptions of the local stack: made, found again, and ended."""

from collections.abc import Callable

from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.stack.config import COMPLETIONS, TOPIC
from pipeline.cli.stack.grid import EventGrid, Refused
from pipeline.cli.subscribing.wanted import Wanted

_HANDSHAKE = (
    "It has to answer an OPTIONS request with 200 and the header "
    "`WebHook-Allowed-Origin: eventgrid.azure.net`. docs/subscribing.md has a receiver that does."
)


def subscribe(grid: EventGrid, wanted: Wanted, prepare: Callable[[], object]) -> bool:
    """Create a subscription; return whether it was missing. Raises CommandError.

    `prepare` makes its target, once nothing speaks against the subscription.
    """
    properties = wanted.properties()
    there = grid.subscriptions(TOPIC)
    if there.get(wanted.name) == properties:
        prepare()
        return False
    if wanted.name in there:
        raise CommandError(
            f"There is another subscription {wanted.name} already: choose another --name, or end "
            f"that one with `fanfare unsubscribe {wanted.name}`."
            if wanted.name != COMPLETIONS
            else f"The queue {COMPLETIONS} gets all events of a local stack, and stays so: choose "
            "another --queue or --name."
        )
    twin = next((name for name, found in there.items() if found == properties), None)
    if twin is not None:
        raise CommandError(
            f"The subscription {twin} sends the same events to {wanted.target} already: each would "
            "come twice."
        )
    prepare()
    _create(grid, wanted)
    return True


def unsubscribe(grid: EventGrid, name: str) -> None:
    """End a subscription. Raises CommandError for one that is not there, or the stack's own."""
    if name == COMPLETIONS:
        raise CommandError(
            f"The subscription {COMPLETIONS} is the local stack's own, and stays.",
            Exit.USAGE,
        )
    if not grid.delete(TOPIC, name):
        known = ", ".join(sorted(grid.subscriptions(TOPIC))) or "none"
        raise CommandError(f"There is no subscription {name} (there are: {known}).")


def _create(grid: EventGrid, wanted: Wanted) -> None:
    try:
        grid.create(TOPIC, wanted.name, wanted.properties())
    except Refused as error:
        if not wanted.url:
            raise
        raise CommandError(
            f"{wanted.target} does not take events, so nothing was made. {error.reason} "
            f"{_HANDSHAKE}"
        ) from error
