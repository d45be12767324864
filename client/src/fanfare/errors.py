"""The errors of the client. Each says what is wrong, and whether repeating helps."""


class FanfareError(Exception):
    """Something went wrong.

    `retry` says whether the same call may succeed later; `status` is the HTTP status, if there was
    an answer. The text is the server's own where it said one.
    """

    def __init__(self, message: str, *, retry: bool = False, status: int | None = None) -> None:
        super().__init__(message)
        self.retry = retry
        self.status = status


class Refused(FanfareError):
    """The request is invalid, not allowed, or too much at present (then `retry` is true)."""


class NotFound(FanfareError):
    """The pipeline, the run, the input or the output does not exist."""


class Conflict(FanfareError):
    """The state of the run does not allow it, or the key belongs to another request."""


class Unreachable(FanfareError):
    """The app or Storage does not answer, or answers what this client does not understand."""


class TimedOut(FanfareError):
    """The run had not ended when the time to wait was over; it goes on."""


class Damaged(FanfareError):
    """A file is not what the output says, or has a name that must not be written."""
