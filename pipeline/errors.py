"""The engine's errors: a `Permanent` one stays, a `Transient` one may pass with time."""


class FanfareError(Exception):
    """Something went wrong. The docstring of a class is its default message.

    `service` names the Azure service that answered wrongly or not at all, if there was one.
    """

    service: str = ""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class Permanent(FanfareError):
    """This cannot succeed unless something is changed first."""


class Transient(FanfareError):
    """This may succeed later."""


class Conflict(Transient):
    """Somebody else changed this first: read its new state and decide from that."""


class NotYet(Transient):
    """Something that is expected has not arrived yet."""


class NotFound(Permanent):
    """The requested thing does not exist."""


class QuotaReached(Transient):
    """A limit of the service is reached; there is room when other work ends."""


class TransactionConflict(Conflict):
    """The condition of one operation of a transaction failed, so none was applied."""

    def __init__(self, index: int, message: str | None = None) -> None:
        super().__init__(message)
        self.index = index


class JobGone(Permanent):
    """The Batch job is missing, completed, terminating or deleting: it accepts no more tasks."""


class ImageRefused(Permanent):
    """A registry does not give an image: it has none of that name, or wants other credentials."""


class SecretRefused(Permanent):
    """A secret that a program needs does not exist, or cannot be given to it."""
