"""Whether the nodes of a target can run an image at all, as far as one knows beforehand."""

from importlib import import_module
from pathlib import Path

from pipeline.cli.session import Session
from pipeline.cli.smoking.report import Found, Outcome


def lacks(session: Session, image: str) -> Found | None:
    """Return why the nodes of a local stack, which are this machine, cannot run an image.

    In Azure nodes pull it, and what they cannot pull fails the step.
    """
    if not session.engine.local:
        return None
    engine = import_module("pipeline.adapters.images.engine")
    program = next(engine.programs(), None)
    if program is None:
        return Found(Outcome.SKIPPED, "this machine has no container engine")
    if engine.find(image) is None:
        name = Path(program).name
        what = f"the container engine of this machine ({name}) does not have {image}"
        return Found(Outcome.SKIPPED, what, f"{name} pull {image}")
    return None
