"""Why an item, a task or a run did not succeed: one closed list of words, used everywhere."""

from pipeline.domain.runs.stored import Word


class Cause(Word):
    """The reason for a failure, as it appears in receipts, the ledger and the completion event."""

    PROGRAM_FAILED = "program-failed"
    OUT_OF_MEMORY = "out-of-memory"
    OUT_OF_DISK = "out-of-disk"
    TIMED_OUT = "timed-out"
    NODE_LOST = "node-lost"
    PROGRAM_MISSING = "program-missing"
    IMAGE_MISSING = "image-missing"
    GPU_MISSING = "gpu-missing"
    PREPARATION_FAILED = "preparation-failed"
    POOL_FAILED = "pool-failed"
    DOWNLOAD_FAILED = "download-failed"
    UPLOAD_FAILED = "upload-failed"
    OUTPUT_LOST = "output-lost"
    OUTPUT_UNUSABLE = "output-unusable"
    INPUT_MISSING = "input-missing"
    SECRET_MISSING = "secret-missing"  # noqa: S105 - a word
    RECEIPT_INVALID = "receipt-invalid"
    PLAN_FAILED = "plan-failed"
    SUPERSEDED = "superseded"
    RUN_TIMED_OUT = "run-timed-out"
    POISONED = "poisoned"
    CANCELLED = "cancelled"
    DEFINITION_UNREADABLE = "definition-unreadable"
    UNKNOWN = "unknown"
