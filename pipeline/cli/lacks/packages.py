"""Says which packages of pools this machine lacks: the nodes of the local stack install none."""

import subprocess
from collections.abc import Iterable, Sequence

from pipeline.cli.session import Session
from pipeline.domain.definitions.pool import Pool

_TIMEOUT_S = 20


def note_lacks(session: Session, pools: Iterable[Pool]) -> list[str]:
    """Say what the nodes of these pools would have and this machine lacks; return the packages."""
    lacking: list[str] = []
    for pool in pools:
        missing = _missing(pool.packages)
        if missing:
            session.note(
                f"Nodes of pool {pool.name} install {', '.join(missing)}, and this machine, which "
                "is the node of the local stack, does not have it. Install it here: "
                f"`sudo apt-get install --yes {' '.join(missing)}`."
            )
        if pool.start:
            session.note(
                f"Nodes of pool {pool.name} run pools/{pool.start} when they start; the local "
                "stack does not."
            )
        lacking += missing
    return sorted(set(lacking))


def _missing(packages: Sequence[str]) -> list[str]:
    """Return the packages that are not installed here; all, if this is no Debian or Ubuntu."""
    if not packages:
        return []
    command = ["dpkg-query", "-W", "-f=${Package} ${db:Status-Status}\n", *packages]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return list(packages)
    lines = (line.split() for line in done.stdout.splitlines())
    installed = {line[0] for line in lines if line[1:] == ["installed"]}
    return [name for name in packages if name not in installed]
