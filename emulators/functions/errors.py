"""What can go wrong in the host, grouped by who must act."""


class HostError(Exception):
    """An error that the host reports in words of its own."""


class StartError(HostError):
    """The host cannot start; the message says what to change."""


class InvocationFailed(HostError):
    """The function ended with an error, timed out, or lost its worker."""


class WorkerLost(InvocationFailed):
    """The worker process ended while the function ran."""


class FunctionTimedOut(InvocationFailed):
    """The function ran longer than `functionTimeout`."""
