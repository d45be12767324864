"""What Batch's failure codes mean for a run: a table from code to cause.

A code that is not in it counts as the node's loss (`retries.node-lost`, three further executions by
default), unless the message speaks of the wall clock: then as a timeout.

Codes: https://learn.microsoft.com/azure/batch/batch-task-errors
"""

from pipeline.domain.runs.causes import Cause

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
    "ContainerMiscError": Cause.IMAGE_MISSING,
    "FailureExitCode": Cause.PROGRAM_FAILED,
    # The code of a wall-clock kill is undocumented; these are the likely ones.
    "MaxWallClockTimeExpiry": Cause.TIMED_OUT,
    "TaskTimedOut": Cause.TIMED_OUT,
}


def cause_of(code: str, message: str = "") -> Cause:
    """Tell the cause of a task that Batch failed; unknown codes count as the node's loss."""
    if code.startswith("FileUpload"):
        return Cause.UPLOAD_FAILED
    if code not in _CODES and "wall" in message.lower():
        return Cause.TIMED_OUT
    return _CODES.get(code, Cause.NODE_LOST)
