"""Draws requests for jobs and tasks on pools of a given size."""

from hypothesis import strategies as st

from emulators.batch.document import Doc
from emulators.batch.service.machines.simulated import simulated_task

POOLS = st.sampled_from(["p", "p", "p", "Q"])
JOBS = st.sampled_from(["j", "j", "j", "K"])
TASKS = st.sampled_from(["1", "2", "3", "a", "B"])
SIZES = st.integers(0, 3)
STARTS = st.sampled_from([None, None, 10, 120])
LEAVING = st.sampled_from(["requeue", "terminate", "taskcompletion"])
DEPENDENCIES = st.one_of(
    st.none(),
    st.builds(lambda ids: {"taskIds": ids}, st.lists(TASKS | st.just("never"), max_size=2)),
    st.builds(
        lambda start, more: {"taskIdRanges": [{"start": start, "end": start + more}]},
        st.integers(1, 3),
        st.integers(0, 2),
    ),
)
LIMITS = st.sampled_from([{}, {}, {"maxTaskRetryCount": 1}, {"maxWallClockTime": "PT30S"}])
EXITS = st.sampled_from([{}, {}, {"exitConditions": {"default": {"dependencyAction": "satisfy"}}}])


@st.composite
def task_bodies(draw: st.DrawFn) -> Doc:
    """Draw a task that may fail, wait for others, be attempted again or exceed its time limit."""
    depends = draw(DEPENDENCIES)
    return simulated_task(
        draw(TASKS),
        seconds=draw(st.sampled_from([5, 60, 400])),
        exit_code=draw(st.sampled_from([0, 0, 0, 3])),
        requiredSlots=draw(st.sampled_from([1, 1, 2, 3])),
        constraints=draw(LIMITS),
        **draw(EXITS),
        **({"dependsOn": depends} if depends else {}),
    )


def node_task(seconds: float) -> Doc:
    """Return a start, preparation or release task of some emulated seconds."""
    task = simulated_task("unnamed", seconds=seconds)
    return {key: value for key, value in task.items() if key != "id"}


JOB_BODIES = st.fixed_dictionaries(
    {
        "priority": st.sampled_from([0, 0, 100]),
        "usesTaskDependencies": st.sampled_from([True, True, True, False]),
        "maxParallelTasks": st.sampled_from([-1, -1, 1, 2]),
        "onAllTasksComplete": st.sampled_from(["noaction"] * 4 + ["terminatejob"]),
        "onTaskFailure": st.sampled_from(["noaction", "noaction", "performexitoptionsjobaction"]),
    },
    optional={
        "jobPreparationTask": st.sampled_from([5, 90]).map(node_task),
        "jobReleaseTask": st.just(node_task(10)),
        "constraints": st.just({"maxWallClockTime": "PT10M"}),
    },
)
