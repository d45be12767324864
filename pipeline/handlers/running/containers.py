"""Tasks in containers: with the runner inside, or the command of the image alone.

Facts: https://learn.microsoft.com/azure/batch/batch-docker-container-workloads and
https://learn.microsoft.com/azure/batch/batch-container-isolation-task.
"""

from dataclasses import replace

from pipeline.domain.definitions.pool import Pool
from pipeline.domain.plans import commands
from pipeline.domain.plans.plan import Page, PlannedProgram, PlannedTask
from pipeline.domain.runs import naming
from pipeline.domain.runs.run import Run
from pipeline.handlers.engine import Engine
from pipeline.ports.batch import Container, InputFile, Mount, TaskSpec, Upload

# The agent passes the home folder, the PATH and the user of the node, of which a container has
# none.
_ENVIRONMENT = {
    "HOME": "/tmp",  # noqa: S108 - the container's own
    "USER": "fanfare",
    "LOGNAME": "fanfare",
}
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Batch starts containers on nodes with GPUs in NVIDIA's runtime, and refuses `--gpus`. The runtime
# shows devices only where these variables are set, by the image or here. The first says which, the
# second for what: CUDA, nvidia-smi, codecs, and OptiX or Vulkan. With `void` it shows nothing:
# https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/docker-specialized.html.
_GPU = {
    "NVIDIA_VISIBLE_DEVICES": "all",
    "NVIDIA_DRIVER_CAPABILITIES": "compute,utility,video,graphics",
}
_NO_GPU = {"NVIDIA_VISIBLE_DEVICES": "void"}
# The shell's streams have a name of the execution's own, since nodes may create blobs and overwrite
# none. A node that has no such file in /proc uses one name, which is as good for a first execution.
# The agent brings the page first, so the time of its creation is when the downloads began. Python
# 3.10 cannot read that time, and not every stat and file system knows it.
# The runner needs no packages: without them, Python starts in two thirds of the time.
_RUNNER = (
    "-c 'read -r id </proc/sys/kernel/random/uuid; "
    f'export FANFARE_DOWNLOAD_BEGAN="$(stat -c %.3W {naming.PAGE_FILE} 2>/dev/null)"; '
    'exec {python} -S "$AZ_BATCH_JOB_PREP_WORKING_DIR/runner.py" >"s-$id.txt" 2>&1\''
)


def runner(python: str) -> str:
    """Return the arguments of a shell that starts the runner with a Python."""
    return _RUNNER.format(python=python)


def contained(engine: Engine, run: Run, spec: TaskSpec, page: Page, task: PlannedTask) -> TaskSpec:
    """Put a task into a container if its program has an image."""
    program = page.program
    if program.image is None:
        return spec
    spec = replace(
        spec,
        container=_container(program, program.image),
        environment={
            **_ENVIRONMENT,
            "PATH": program.path or _PATH,
            **_devices(engine.pool(run), program),
            **spec.environment,
        },
    )
    if program.python:
        return replace(spec, command=runner(program.python))
    return replace(
        spec,
        command=commands.command_line(program, task.items[0]),
        inputs=[
            *(file for file in spec.inputs if file.path != naming.PAGE_FILE),
            *_marks(engine, run),
        ],
        environment={
            **spec.environment,
            **commands.variables(page, task),
            **_told_device(engine, program),
        },
    )


def _devices(pool: Pool, program: PlannedProgram) -> dict[str, str]:
    """Return what shows the node's GPUs to a container, or hides them from it.

    All are shown, and the runner leases one. Without a runner the node has one slot.
    """
    if not pool.devices or program.gpu is None:
        return {}
    return _GPU if program.gpu else _NO_GPU


def _told_device(engine: Engine, program: PlannedProgram) -> dict[str, str]:
    """Return what a program without the runner is told of its device.

    Nobody looks for it on the node. So where a node may lack it, nothing is said.
    """
    if program.gpu is None or (program.gpu and engine.gpu_optional):
        return {}
    return {"FANFARE_DEVICE": "cuda:0" if program.gpu else "cpu"}


def _container(program: PlannedProgram, image: str) -> Container:
    """Describe a container that is removed at its end and sees no more than its task needs."""
    options, mounts = ["--rm"], [Mount("Task")]
    if program.shared_memory:
        options.append(f"--shm-size={program.shared_memory}")
    if program.python:
        options.append("--entrypoint=/bin/sh")  # the image's own would take the command
        mounts.append(Mount("JobPrep", read_only=True))
        if program.gpu:
            mounts.append(Mount("Shared"))  # where runners lease GPUs
    return Container(image, options, mounts)


def _marks(engine: Engine, run: Run) -> list[InputFile]:
    """Return the empty files that make the output folder and announce the end."""
    url = engine.ports.blobs.url(run.names.empty)
    return [InputFile(url, naming.KEEP_FILE), InputFile(url, naming.END_FILE)]


def make_marks(engine: Engine, run: Run, program: PlannedProgram) -> None:
    """Write the empty blob that tasks without the runner get; once more is fine."""
    if not program.has_runner:
        engine.ports.writer.write(run.names.empty, b"")


def uploads(run: Run, unit: str, execution: int) -> list[Upload]:
    """Return what Batch uploads of a task without the runner; the mark comes last.

    Hidden files are left out, as Batch's wildcards do not match them.
    """
    names, address = run.names, run.names.address(unit, execution)
    return [
        Upload(f"{naming.OUTPUT_FOLDER}/**/*", naming.WORK, names.outputs(address), "tasksuccess"),
        Upload(naming.BATCH_STREAMS, naming.WORK, names.logs(address)),
        Upload(naming.END_FILE, naming.RECEIPTS, f"{names.receipts(address)}/{naming.END_FILE}"),
    ]
