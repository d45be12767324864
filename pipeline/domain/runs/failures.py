"""What Batch's failure codes mean for a run: a table from code to cause.

An unlisted code counts as the loss of the node (`retries.node-lost`, three further executions by
default), or as a timeout if the task took all the time that it had.

Codes: https://learn.microsoft.com/azure/batch/batch-task-errors
"""

from pipeline.domain.runs.causes import Cause

# By these codes the runner says why it began nothing: files not fetched, no GPU on the node.
NOT_FETCHED, NO_GPU = 74, 75
RUNNER_CODES = {NOT_FETCHED: Cause.DOWNLOAD_FAILED, NO_GPU: Cause.GPU_MISSING}
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
}


def cause_of(code: str, exit_code: int | None = None, *, full_time: bool = False) -> Cause:
    """Return the cause of a task's failure in Batch; unknown codes count as the node's loss.

    The code of a task that Batch stopped at its time limit differs between agents. So one that took
    its `full_time`, and did not end by itself, was stopped.
    """
    if code == "FailureExitCode" and exit_code in RUNNER_CODES:
        return RUNNER_CODES[exit_code]
    if code.startswith("FileUpload"):
        return Cause.UPLOAD_FAILED
    return _CODES.get(code, Cause.TIMED_OUT if full_time else Cause.NODE_LOST)
