"""What each operation understands beside its body: query parameters and conditional headers.

Letters of `query`: m maxresults, f $filter, s $select, x $expand, o force, r recursive, u the
period of usage metrics. `conditions`: C all four headers, M the two about modification, "" none.
"""

from collections.abc import Mapping
from dataclasses import dataclass

_NAMES: Mapping[str, tuple[str, ...]] = {
    "m": ("maxresults", "$skiptoken"),
    "f": ("$filter",),
    "s": ("$select",),
    "x": ("$expand",),
    "o": ("force",),
    "r": ("recursive",),
    "u": ("starttime", "endtime"),
}
_EVERYWHERE = ("api-version", "timeout")


@dataclass(frozen=True, slots=True)
class Contract:
    """The letters of one operation, the model that it shows and the model of its body."""

    query: str = ""
    conditions: str = ""
    shows: str = ""
    takes: str = ""

    def knows(self, name: str) -> bool:
        """Tell whether the operation knows a query parameter, given in lower case."""
        return name in _EVERYWHERE or any(name in _NAMES[letter] for letter in self.query)


CONTRACTS: Mapping[str, Contract] = {
    "list_applications": Contract("m"),
    "list_pool_usage_metrics": Contract("mfu"),
    "create_pool": Contract(takes="BatchPoolCreateOptions"),
    "list_pools": Contract("mfsx", shows="BatchPool"),
    "begin_delete_pool": Contract(conditions="C"),
    "pool_exists": Contract(conditions="C"),
    "get_pool": Contract("sx", "C", "BatchPool"),
    "update_pool": Contract(conditions="C", takes="BatchPoolUpdateOptions"),
    "enable_pool_auto_scale": Contract(conditions="C", takes="BatchPoolEnableAutoScaleOptions"),
    "evaluate_pool_auto_scale": Contract(takes="BatchPoolEvaluateAutoScaleOptions"),
    "begin_resize_pool": Contract(conditions="C", takes="BatchPoolResizeOptions"),
    "begin_stop_pool_resize": Contract(conditions="C"),
    "replace_pool_properties": Contract(takes="BatchPoolReplaceOptions"),
    "begin_remove_nodes": Contract(conditions="C", takes="BatchNodeRemoveOptions"),
    "list_supported_images": Contract("mf"),
    "list_pool_node_counts": Contract("mf"),
    "begin_delete_job": Contract("o", "C"),
    "get_job": Contract("sx", "C", "BatchJob"),
    "update_job": Contract(conditions="C", takes="BatchJobUpdateOptions"),
    "replace_job": Contract(conditions="C", takes="BatchJob"),
    "begin_disable_job": Contract(conditions="C", takes="BatchJobDisableOptions"),
    "begin_enable_job": Contract(conditions="C"),
    "begin_terminate_job": Contract("o", "C", takes="BatchJobTerminateOptions"),
    "create_job": Contract(takes="BatchJobCreateOptions"),
    "list_jobs": Contract("mfsx", shows="BatchJob"),
    "list_jobs_from_schedule": Contract("mfsx", shows="BatchJob"),
    "list_job_preparation_and_release_task_status": Contract(
        "mfs", shows="BatchJobPreparationAndReleaseTaskStatus"
    ),
    "job_schedule_exists": Contract(conditions="C"),
    "begin_delete_job_schedule": Contract("o", "C"),
    "get_job_schedule": Contract("sx", "C", "BatchJobSchedule"),
    "update_job_schedule": Contract(conditions="C", takes="BatchJobScheduleUpdateOptions"),
    "replace_job_schedule": Contract(conditions="C", takes="BatchJobSchedule"),
    "disable_job_schedule": Contract(conditions="C"),
    "enable_job_schedule": Contract(conditions="C"),
    "begin_terminate_job_schedule": Contract("o", "C"),
    "create_job_schedule": Contract(takes="BatchJobScheduleCreateOptions"),
    "list_job_schedules": Contract("mfsx", shows="BatchJobSchedule"),
    "create_task": Contract(takes="BatchTaskCreateOptions"),
    "list_tasks": Contract("mfsx", shows="BatchTask"),
    "create_task_collection": Contract(takes="BatchTaskGroup"),
    "delete_task": Contract(conditions="C"),
    "get_task": Contract("sx", "C", "BatchTask"),
    "replace_task": Contract(conditions="C", takes="BatchTask"),
    "list_subtasks": Contract("ms", shows="BatchSubtask"),
    "terminate_task": Contract(conditions="C"),
    "reactivate_task": Contract(conditions="C"),
    "delete_task_file": Contract("r"),
    "download_task_file": Contract(conditions="M"),
    "get_task_file_properties": Contract(conditions="M"),
    "list_task_files": Contract("mfr"),
    "delete_node_file": Contract("r"),
    "download_node_file": Contract(conditions="M"),
    "get_node_file_properties": Contract(conditions="M"),
    "list_node_files": Contract("mfr"),
    "create_node_user": Contract(takes="BatchNodeUserCreateOptions"),
    "replace_node_user": Contract(takes="BatchNodeUserReplaceOptions"),
    "get_node": Contract("s", shows="BatchNode"),
    "begin_reboot_node": Contract(takes="BatchNodeRebootOptions"),
    "begin_reimage_node": Contract(takes="BatchNodeReimageOptions"),
    "begin_deallocate_node": Contract(takes="BatchNodeDeallocateOptions"),
    "disable_node_scheduling": Contract(takes="BatchNodeDisableSchedulingOptions"),
    "upload_node_logs": Contract(takes="UploadBatchServiceLogsOptions"),
    "list_nodes": Contract("mfs", shows="BatchNode"),
    "get_node_extension": Contract("s", shows="BatchNodeVMExtension"),
    "list_node_extensions": Contract("ms", shows="BatchNodeVMExtension"),
}
_PLAIN = Contract()


def contract_of(operation: str) -> Contract:
    """Return what an operation understands."""
    return CONTRACTS.get(operation, _PLAIN)
