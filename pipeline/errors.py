"""What can go wrong, by whose move is next: nobody's (Permanent) or time's (Transient)."""


class FanfareError(Exception):
    """Something went wrong; the class docstring is the default message.

    `service` names the service of Azure that answered wrongly or not at all, if one did.
    """

    service: str = ""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class Permanent(FanfareError):
    """This will fail again however often it is tried."""


class Transient(FanfareError):
    """This may succeed when it is tried again later."""


class Conflict(Transient):
    """Somebody else changed it first: read again and decide again."""


class NotYet(Transient):
    """Something that will come has not come yet."""


class NotFound(Permanent):
    """The thing that was asked for does not exist."""


class QuotaReached(Transient):
    """A service limit is reached; it frees itself when other work ends."""


class TransactionConflict(Conflict):
    """One operation of a transaction did not hold, so none was applied."""

    def __init__(self, index: int, message: str | None = None) -> None:
        super().__init__(message)
        self.index = index


class JobGone(Permanent):
    """The Batch job is missing, completed, terminating or deleting: it takes no more tasks."""
