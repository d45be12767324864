"""What the end of a task means for it, its dependents and its job."""

from emulators.batch.scheduler.verdict import (
    Ending,
    Failure,
    consequences,
    ended_by_user,
    process_ended,
    shall_retry,
)


def test_only_a_non_zero_exit_is_tried_again() -> None:
    assert shall_retry(process_ended(1), 0, 1)
    assert not shall_retry(process_ended(1), 1, 1)
    assert shall_retry(process_ended(1), 99, -1)
    assert not shall_retry(process_ended(0), 0, 5)
    assert not shall_retry(Ending(failure=Failure("BlobNotFound", ""), phase="before"), 0, 5)


def test_a_task_that_is_ended_before_it_ran_met_no_exit_condition() -> None:
    conditions = {"default": {"jobAction": "disable", "dependencyAction": "satisfy"}}
    waiting, running = ended_by_user("waiting"), ended_by_user()
    assert consequences(conditions, waiting).job_action == "none"
    assert not consequences(conditions, waiting).satisfies
    assert consequences(conditions, running).job_action == "disable"


def test_exit_conditions_decide_and_exit_codes_beat_upload_errors() -> None:
    conditions = {
        "exitCodes": [
            {"code": 3, "exitOptions": {"dependencyAction": "satisfy", "jobAction": "none"}}
        ],
        "fileUploadError": {"jobAction": "disable"},
        "default": {"jobAction": "terminate"},
    }
    upload_failed = Ending(3, Failure("FileUploadMiscError", ""), "after")
    assert consequences(conditions, upload_failed).satisfies
    assert consequences(conditions, Ending(0, Failure("x", ""), "after")).job_action == "disable"
    assert consequences(conditions, process_ended(9)).job_action == "terminate"
    assert consequences(None, process_ended(0)).satisfies
