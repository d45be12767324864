"""What follows when a task ends: counts, dependents, and the end of its job."""

from emulators.batch.document import stamp
from emulators.batch.model.job import Job
from emulators.batch.model.states import JobState, TaskState
from emulators.batch.model.task import Task
from emulators.batch.scheduler.verdict import Ending, consequences, ended_by_user
from emulators.batch.service.context import Context, Requeue
from emulators.batch.service.nodes.preparation import release_everywhere
from emulators.batch.service.running.job_manager import ends_its_job
from emulators.batch.service.running.multi_instance import end_subtasks

_ENDED = frozenset({JobState.TERMINATING, JobState.COMPLETED, JobState.DELETING})


def complete_task(ctx: Context, job: Job, task: Task, ending: Ending) -> None:
    """Give a task its verdict and tell everything that depends on it."""
    now = ctx.clock.now()
    execution = {**task.execution, "endTime": stamp(now), **ending.outcome()}
    # Most tasks have none, and the text is long.
    conditions = task.spec().get("exitConditions") if "exitConditions" in task.spec_text else None
    effects = consequences(conditions, ending)
    task.satisfied = effects.satisfies
    task.condemned = False
    end_subtasks(task, ending, now)
    job.move_task(task, TaskState.COMPLETED, now, execution)
    ctx.keep(task)
    ctx.completed(task)
    if task.satisfied:
        for freed in job.dependencies.meet(task.id):
            job.enqueue(freed)
    if str(job.spec.get("onTaskFailure")).lower() == "performexitoptionsjobaction":
        _act_on_job(ctx, job, effects.job_action)
    if ends_its_job(job, task) and job.state not in _ENDED:
        terminate(ctx, job, "JMComplete")
    check_all_complete(ctx, job)


def _act_on_job(ctx: Context, job: Job, action: str) -> None:
    if action == "terminate" and job.is_live:
        terminate(ctx, job, "TaskFailed")
    elif action == "disable" and job.state is JobState.ACTIVE:
        disable(ctx, job, "requeue")


def check_all_complete(ctx: Context, job: Job) -> None:
    """End the job if it wants to end with its last task and that has ended; an empty job counts as
    ended."""
    wants = str(job.spec.get("onAllTasksComplete")).lower() == "terminatejob"
    if wants and job.state is JobState.ACTIVE and job.is_done():
        terminate(ctx, job, "AllTasksComplete")


def terminate(ctx: Context, job: Job, reason: str) -> None:
    """Begin to end a job: running tasks end now, waiting ones stay as they are."""
    job.move(JobState.TERMINATING, ctx.clock.now())
    if reason:
        job.execution["terminateReason"] = reason
    ctx.keep(job)
    end_runs(ctx, job, ended_by_user())
    ctx.spawn(_finish_termination(ctx, job), f"termination of {job.id}")


async def _finish_termination(ctx: Context, job: Job) -> None:
    await ctx.pace.step("settle", job.id)
    # A job completes after its tasks, and its release runs where nothing else of it runs.
    await ctx.settled([key for key in ctx.runs if key[0] == job.id])
    await release_everywhere(ctx, job)
    if job.state is JobState.TERMINATING:
        now = ctx.clock.now()
        job.move(JobState.COMPLETED, now)
        job.execution["endTime"] = stamp(now)
        ctx.keep(job)
        ctx.job_over(job)


def resume_termination(ctx: Context, job: Job) -> None:
    """Continue to end a job that the last process began to end."""
    ctx.spawn(_finish_termination(ctx, job), f"termination of {job.id}")


def disable(ctx: Context, job: Job, tasks: str) -> None:
    """Stop a job from starting tasks; running ones are requeued, ended, or finish first."""
    job.move(JobState.DISABLING, ctx.clock.now())
    ctx.keep(job)
    if tasks == "requeue":
        end_runs(ctx, job, Requeue())
    elif tasks == "terminate":
        end_runs(ctx, job, ended_by_user())
    ctx.spawn(_finish_disabling(ctx, job), f"disabling of {job.id}")


async def _finish_disabling(ctx: Context, job: Job) -> None:
    await ctx.pace.step("settle", job.id)
    settle_disabling(ctx, job)


def settle_disabling(ctx: Context, job: Job) -> None:
    """Make a job disabled once nothing of it runs."""
    if job.state is JobState.DISABLING and job.counts["running"] == 0:
        job.move(JobState.DISABLED, ctx.clock.now())
        ctx.keep(job)


def end_runs(ctx: Context, job: Job, outcome: Ending | Requeue) -> None:
    """Break off everything of a job that runs."""
    for key, run in list(ctx.runs.items()):
        if key[0] == job.id:
            run.interrupt(outcome)
