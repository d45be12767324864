"""Draws requests to a whole account: pools, jobs and schedules with all their parts."""

from hypothesis import strategies as st

from emulators.batch.document import Doc
from emulators.batch.service.machines.simulated import simulated_task
from tests.emulators.batch.lives.onlooker import errand

POOLS = st.sampled_from(["p", "p", "Q"])
JOBS = st.sampled_from(["j", "j", "K"])
SCHEDULES = st.sampled_from(["s", "s", "T"])
TASKS = st.sampled_from(["1", "2", "3", "a", "boss"])
AT = st.integers(0, 5)
LEAVING = st.sampled_from(["requeue", "terminate", "taskcompletion"])
SECONDS = st.sampled_from([5, 60, 400])
LATER = st.sampled_from([1, 5, 20, 60, 100])
LIMITS = st.sampled_from([{}, {}, {"maxTaskRetryCount": 1}, {"maxWallClockTime": "PT30S"}])
FORMULAS = st.sampled_from(
    [
        "$TargetDedicatedNodes=2;",
        "$TargetDedicatedNodes=1;$TargetLowPriorityNodes=1;$NodeDeallocationOption=taskcompletion;",
        "$TargetDedicatedNodes=min(3,$PendingTasks.GetSample(1));",
        "$TargetDedicatedNodes=time().minute/15;",
        "$TargetDedicatedNodes=1/(time().minute%20);",
        "$TargetLowPriorityNodes=min(2,$ActiveTasks.GetSample(1));$TargetDedicatedNodes=0;",
    ]
)
INTERVALS = st.sampled_from(["PT5M", "PT5M", "PT1H"])


@st.composite
def task_bodies(draw: st.DrawFn) -> Doc:
    """Draw a task for one node or several; it may fail or exceed its time limit."""
    body = simulated_task(
        draw(TASKS),
        seconds=draw(SECONDS),
        exit_code=draw(st.sampled_from([0, 0, 0, 3])),
        constraints=draw(LIMITS),
    )
    instances = draw(st.sampled_from([0, 0, 1, 2, 3]))
    if instances:
        body["multiInstanceSettings"] = {
            "numberOfInstances": instances,
            "coordinationCommandLine": "simulated",
        }
    else:
        body["requiredSlots"] = draw(st.sampled_from([1, 1, 2]))
    return body


@st.composite
def pool_bodies(draw: st.DrawFn) -> Doc:
    """Draw a pool with autoscale or a fixed size, for multi-instance tasks or with several
    slots."""
    gangs = draw(st.booleans())
    body: Doc = {
        "vmSize": "standard_d2s_v5",
        "taskSlotsPerNode": 1 if gangs else draw(st.integers(1, 4)),
        "enableInterNodeCommunication": gangs,
    }
    start = draw(st.sampled_from([None, None, 10, 120]))
    if start:
        body["startTask"] = errand(start)
    if draw(st.sampled_from([False, False, True])):
        body["enableAutoScale"] = True
        body["autoScaleFormula"] = draw(FORMULAS)
        body["autoScaleEvaluationInterval"] = draw(INTERVALS)
    else:
        body["targetDedicatedNodes"] = draw(st.sampled_from([0, 1, 2, 3, 3]))
        body["targetLowPriorityNodes"] = draw(st.integers(0, 2))
    return body


@st.composite
def pool_infos(draw: st.DrawFn) -> Doc:
    """Draw a pool of the account, or one that comes with its job."""
    if draw(st.booleans()):
        return {"poolId": draw(POOLS)}
    return {
        "autoPoolSpecification": {
            "autoPoolIdPrefix": "auto",
            "poolLifetimeOption": draw(st.sampled_from(["job", "jobschedule"])),
            "keepAlive": draw(st.sampled_from([False, False, True])),
            "pool": draw(pool_bodies()),
        }
    }


@st.composite
def managers(draw: st.DrawFn) -> Doc:
    """Draw a job manager task."""
    return errand(
        draw(SECONDS),
        draw(st.sampled_from([0, 0, 1])),
        id="boss",
        killJobOnCompletion=draw(st.sampled_from([True, True, False])),
        runExclusive=draw(st.booleans()),
        allowLowPriorityNode=draw(st.booleans()),
    )


@st.composite
def preparations(draw: st.DrawFn) -> Doc:
    """Draw a preparation, which may fail."""
    body = errand(draw(st.sampled_from([5, 90])), draw(st.sampled_from([0, 0, 0, 2])))
    return {**body, "waitForSuccess": draw(st.sampled_from([True, True, False]))}


@st.composite
def job_bodies(draw: st.DrawFn) -> Doc:
    """Draw all of a job except its id."""
    body: Doc = {
        "poolInfo": draw(pool_infos()),
        "onAllTasksComplete": draw(st.sampled_from(["noaction"] * 4 + ["terminatejob"])),
        "onTaskFailure": draw(st.sampled_from(["noaction", "performexitoptionsjobaction"])),
    }
    if draw(st.booleans()):
        body["jobManagerTask"] = draw(managers())
    if draw(st.booleans()):
        body["jobPreparationTask"] = draw(preparations())
        if draw(st.booleans()):
            body["jobReleaseTask"] = errand(draw(st.sampled_from([10, 100])))
    if draw(st.booleans()):
        body["constraints"] = {"maxWallClockTime": draw(st.sampled_from(["PT3M", "PT10M"]))}
    return body


MOMENTS = st.sampled_from([None, None, -60, 30, 400, 1200, 4000])
TIMETABLES = st.fixed_dictionaries(
    {
        "doNotRunUntil": MOMENTS,
        "doNotRunAfter": MOMENTS,
        "startWindow": st.sampled_from([None, None, "PT1M", "PT10M"]),
        "recurrenceInterval": st.sampled_from([None, "PT1M", "PT5M", "PT7M", "PT1H"]),
    }
)
