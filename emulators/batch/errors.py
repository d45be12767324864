"""The refusals of the service: code, status and message, in one table."""

from collections.abc import Mapping

from emulators.batch.document import Doc

_BAD, _DENIED, _MISSING, _CONFLICT = 400, 403, 404, 409

STATUS: Mapping[str, tuple[int, str]] = {
    "InvalidPropertyValue": (
        _BAD,
        "The value provided for one of the properties in the request body is invalid.",
    ),
    "InvalidQueryParameterValue": (
        _BAD,
        "Value for one of the query parameters specified in the request URI is invalid.",
    ),
    "OutOfRangeQueryParameterValue": (
        _BAD,
        "A query parameter specified in the request URI is out of range.",
    ),
    "UnsupportedQueryParameter": (
        _BAD,
        "One of the query parameters specified in the request URI is not supported.",
    ),
    "MultipleConditionHeadersNotSupported": (
        _BAD,
        "Multiple condition headers are not supported.",
    ),
    "InvalidHeaderValue": (
        _BAD,
        "The value for one of the HTTP headers is not in the correct format.",
    ),
    "InvalidRequestBody": (_BAD, "The specified Request Body is not syntactically valid."),
    "InvalidUri": (_BAD, "The requested URI does not represent any resource on the server."),
    "InvalidAuthenticationInfo": (
        _BAD,
        "The authentication information was not provided in the correct format.",
    ),
    "InvalidAutoScalingSettings": (_BAD, "The specified auto-scaling settings are invalid."),
    "AutoScalingFormulaSyntaxError": (
        _BAD,
        "The specified auto-scaling formula has a syntax error.",
    ),
    "AutoScalingFormulaTooLong": (
        _BAD,
        "The specified auto-scaling formula exceeds the length limit (8192).",
    ),
    "MissingRequiredProperty": (_BAD, "A required property was not specified in the request body."),
    "MissingRequiredQueryParameter": (
        _BAD,
        "A query parameter that's mandatory for this request is not specified.",
    ),
    "UnsupportedRequestVersion": (_BAD, "The specified api version is not supported."),
    "UnsupportedProperty": (
        _BAD,
        "One of the properties specified in the request body is not supported.",
    ),
    "TaskDependencyListTooLong": (_BAD, "The list of task ids to depend on is too long."),
    "TaskDependencyRangesTooLong": (_BAD, "The ranges of task ids to depend on are too long."),
    "AuthenticationFailed": (
        _DENIED,
        "Server failed to authenticate the request. Make sure the value of Authorization header "
        "is formed correctly including the signature.",
    ),
    "PoolNotFound": (_MISSING, "The specified pool does not exist."),
    "NodeNotFound": (_MISSING, "The specified node does not exist."),
    "JobNotFound": (_MISSING, "The specified job does not exist."),
    "JobScheduleNotFound": (_MISSING, "The specified job schedule does not exist."),
    "TaskNotFound": (_MISSING, "The specified task does not exist."),
    "FileNotFound": (_MISSING, "The specified file does not exist."),
    "ApplicationNotFound": (_MISSING, "The specified application does not exist."),
    "NodeUserNotFound": (_MISSING, "The specified node user does not exist."),
    "ResourceNotFound": (_MISSING, "The specified resource does not exist."),
    "UnsupportedHttpVerb": (405, "The resource doesn't support the specified HTTP verb."),
    "OperationInvalidForCurrentState": (
        _CONFLICT,
        "The specified operation is not valid for the current state of the resource.",
    ),
    "InvalidApplicationPackageReferences": (
        _CONFLICT,
        "One or more application package references could not be satisfied.",
    ),
    "PoolExists": (_CONFLICT, "The specified pool already exists."),
    "PoolBeingResized": (_CONFLICT, "The specified pool is being resized."),
    "PoolBeingDeleted": (_CONFLICT, "The specified pool is being deleted."),
    "PoolQuotaReached": (_CONFLICT, "The pool quota for the account has been reached."),
    "NodeStateUnusable": (_CONFLICT, "The specified node is unusable."),
    "NodeNotReady": (
        _CONFLICT,
        "Node is not able to perform the requested operations in its current state",
    ),
    "NodeAlreadyInTargetSchedulingState": (
        _CONFLICT,
        "The specified node is already in the target scheduling state.",
    ),
    "NodeUserExists": (_CONFLICT, "The specified node user already exists."),
    "OperationNotValidOnNode": (_CONFLICT, "The specified operation is not valid on the node."),
    "JobExists": (_CONFLICT, "The specified job already exists."),
    "JobBeingTerminated": (_CONFLICT, "The specified job is being terminated."),
    "JobBeingDeleted": (_CONFLICT, "The specified job is being deleted."),
    "JobCompleted": (_CONFLICT, "The specified job is already in a completed state."),
    "JobDisabled": (_CONFLICT, "The specified job is disabled."),
    "JobNotActive": (_CONFLICT, "The specified job is not active."),
    "ActiveJobAndScheduleQuotaReached": (
        _CONFLICT,
        "The active job and job schedule quota for the account has been reached.",
    ),
    "JobWithSameIdExists": (_CONFLICT, "A job has the id of the specified job schedule."),
    "JobScheduleExists": (_CONFLICT, "The specified job schedule already exists."),
    "JobScheduleWithSameIdExists": (_CONFLICT, "A job schedule has the id of the specified job."),
    "JobScheduleBeingTerminated": (_CONFLICT, "The specified job schedule is being terminated."),
    "JobScheduleBeingDeleted": (_CONFLICT, "The specified job schedule is being deleted."),
    "JobScheduleCompleted": (_CONFLICT, "The specified job schedule is completed."),
    "JobPreparationTaskOrReleaseTaskNotSpecified": (
        _CONFLICT,
        "The specified job does not have either job preparation task or job release task.",
    ),
    "TaskExists": (_CONFLICT, "The specified task already exists."),
    "TaskIdSameAsJobPreparationTask": (
        _CONFLICT,
        "The task id is the id of the job preparation task.",
    ),
    "TaskIdSameAsJobReleaseTask": (_CONFLICT, "The task id is the id of the job release task."),
    "TaskCompleted": (_CONFLICT, "The specified task is already in a completed state."),
    "TaskNotCompleted": (_CONFLICT, "The specified task has not completed."),
    "TaskSucceeded": (_CONFLICT, "The specified task succeeded."),
    "TaskFilesUnavailable": (_CONFLICT, "The task has not run on a node yet, or its node is gone."),
    "TaskFilesCleanedup": (_CONFLICT, "The files of the specified task were cleaned up."),
    "ConditionNotMet": (
        412,
        "The condition specified using HTTP conditional header(s) is not met.",
    ),
    "RequestBodyTooLarge": (
        413,
        "The request body is too large and exceeds the maximum permissible limit.",
    ),
    "InvalidRange": (416, "The range specified is invalid for the current size of the resource."),
    "InternalError": (500, "The server encountered an internal error. Please retry the request."),
    "NotImplemented": (501, "The operation is not implemented by this emulator."),
    "ServerBusy": (503, "The server is busy. Please retry after some time."),
    "TooManyEnableAutoScaleRequests": (
        503,
        "There have been too many enable auto-scale requests on the pool. Please retry later.",
    ),
}


class BatchError(Exception):
    """The service refuses a request with one of its own codes."""

    def __init__(self, code: str, detail: str = "", *, status: int = 0, **values: str) -> None:
        known, words = STATUS.get(code, (500, code))
        super().__init__(f"{words} {detail}".strip())
        self.code = code
        self.status = status or known
        self.values = values
        self.headers: Mapping[str, str] = {}

    def summary(self) -> Doc:
        """Return code, message and values, as they stand inside a larger answer."""
        document: Doc = {"code": self.code, "message": {"lang": "en-US", "value": str(self)}}
        if self.values:
            document["values"] = [
                {"key": key, "value": value} for key, value in self.values.items()
            ]
        return document


def invalid(name: str, value: object, reason: str) -> BatchError:
    """Build the refusal of one property, under the service's name for it."""
    return BatchError(
        "InvalidPropertyValue", PropertyName=name, PropertyValue=str(value)[:200], Reason=reason
    )


def missing(name: str) -> BatchError:
    """Build the refusal of a body that lacks a required property."""
    return BatchError("MissingRequiredProperty", PropertyName=name)
