"""What Batch's failure codes mean for a run: a table from code to cause.

An unlisted code counts as the loss of the node (`retries.node-lost`, three further executions by
default). If its message mentions the wall clock, it counts as a timeout instead.

Codes: https://learn.microsoft.com/azure/batch/batch-task-errors
"""

from pipeline.domain.runs.causes import Cause

# By this code the runner says that it could not fetch the files of its task.
NOT_FETCHED = 74
_CODES = {
    "BlobNotFound": Cause.DOWNLOAD_FAILED,
    "BlobAccessDenied": Cause.DOWNLOAD_FAILED,
    "BlobDownloadTimedOut": Cause.DOWNLOAD_FAILED,
    "BlobDownloadMiscError": Cause.DOWNLOAD_FAILED,
    "ResourceDirectoryCreateFailed": Cause.DOWNLOAD_FAILED,
    "ResourceFileCreateFailed": Cause.DOWNLOAD_FAILED,
    "ResourceFileWriteFailed": Cause.DOWNLOAD_FAILED,
    "CommandProgramNotFound": Cause.PROGRAM_MISSING,
    "CommandLaunchFailed": Cause.PROGRAM_MISSING,
    "ApplicationPackageError": Cause.PROGRAM_MISSING,
    "ContainerInvalidImage": Cause.IMAGE_MISSING,
    "ContainerInvalidRegistry": Cause.IMAGE_MISSING,
    "ContainerInvalidSettings": Cause.IMAGE_MISSING,
    "ContainerPoolNotSupported": Cause.IMAGE_MISSING,
    "ContainerTaskSettingsNotFound": Cause.IMAGE_MISSING,
    "ContainerMiscError": Cause.IMAGE_MISSING,
    "FailureExitCode": Cause.PROGRAM_FAILED,
    # The code for exceeding maxWallClockTime is undocumented; these are the likely ones.
    "MaxWallClockTimeExpiry": Cause.TIMED_OUT,
    "TaskTimedOut": Cause.TIMED_OUT,
}


def cause_of(code: str, message: str = "", exit_code: int | None = None) -> Cause:
    """Return the cause of a task's failure in Batch; unknown codes count as the node's loss."""
    if code == "FailureExitCode" and exit_code == NOT_FETCHED:
        return Cause.DOWNLOAD_FAILED
    if code.startswith("FileUpload"):
        return Cause.UPLOAD_FAILED
    if code not in _CODES and "wall" in message.lower():
        return Cause.TIMED_OUT
    return _CODES.get(code, Cause.NODE_LOST)
