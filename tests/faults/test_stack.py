"""Faults of the local stack: told by code, and the printed commands, word for word, cure."""

import os
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.depth import EVERYTHING, more
from tests.faults.measure import Answer, Outcome, Shares
from tests.faults.project import Project, running
from tests.faults.remedies import commands, plain
from tests.faults.seeds_of_the_stack import SEEDS, Site
from tests.faults.table import FAULTS, UNCURED, UNTOLD, Fault, Kind, Told
from tests.faults.test_memory import HERE, outcome_of
from tests.patience import until

OWN_DISK = "disk/full-under-the-stack"
FEW = {"definition/mistyped-key", "pool/no-formula"}
ON_STACK = [f for f in FAULTS if f.stack]
TRIED = more([f for f in ON_STACK if f.key in FEW], ON_STACK)
OUTCOMES: dict[Fault, Outcome] = {}
pytestmark = [pytest.mark.timeout(900), pytest.mark.xdist_group("faults")]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory):
    with running(tmp_path_factory.mktemp("faults") / "project") as made:
        assert made.examine() == []  # whatever is told later was seeded
        yield made


@pytest.fixture
def small_disk(tmp_path: Path):
    """Make a project whose stack has a file system of its own, which a test can fill."""
    if os.geteuid() != 0:
        pytest.skip("for want of the right to mount a file system (run the test as root)")
    folder = tmp_path / "project"
    data = folder / ".fanfare"

    def mounted() -> None:
        data.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", "size=700m,mode=700", "tmpfs", str(data)]
        subprocess.run(command, check=True)

    try:
        with running(folder, mounted) as made:
            yield made
    finally:
        subprocess.run(["umount", str(data)], check=True)


def carry_out(site: Site, fault: Fault, told: Answer) -> tuple[bool, str]:
    """Carry out the printed commands; return whether all is well, and what they said."""
    argvs = list(commands(told.remedy, "fanfare"))
    done = [site.project.run(["fanfare", *argv[1:]]) for argv in argvs]
    said = "".join(one.stdout + one.stderr for one in done)[-400:]
    if not argvs or any(one.returncode for one in done):
        return False, said
    if site.gate:
        site.gate.touch()
    if fault.told is Told.SHOW:
        return site.project.ends(site.run), said
    gone = lambda: fault.code not in {a.code for a in site.project.examine(*site.more)}  # noqa: E731
    return until(gone, 90, f"{fault.name} to be cured"), said


def measured(fault: Fault, project: Project) -> Outcome:
    """Seed a fault, look, carry out the remedy, and put everything right again."""
    began = time.monotonic()
    with ExitStack() as after:
        site = Site(project, after)
        SEEDS[fault.key](site)
        seen = project.show(site.run) if fault.told is Told.SHOW else project.examine(*site.more)
        outcome = Outcome(fault, tuple(seen))
        if fault.kind is Kind.HERE and outcome.told:
            cured, said = carry_out(site, fault, outcome.told)
            outcome = Outcome(fault, tuple(seen), cured, said)
    mended = project.fanfare("up")
    assert mended.returncode == 0, mended.stderr
    print(f"{outcome} ({time.monotonic() - began:.0f} s)")
    return outcome


def test_every_fault_of_the_table_has_a_seed():
    assert {f.key for f in ON_STACK} == set(SEEDS)


@pytest.mark.parametrize("fault", TRIED, ids=str)
def test_a_fault_is_told_and_its_commands_cure(fault, request):
    own = fault.key == OWN_DISK
    project = request.getfixturevalue("small_disk" if own else "project")
    outcome = OUTCOMES[fault] = measured(fault, project)
    assert bool(outcome.told) is (fault.key not in UNTOLD), str(outcome)
    if outcome.told:
        assert plain(outcome.told.remedy), str(outcome)
    if fault.kind is Kind.HERE:
        assert bool(outcome.cured) is (fault.key not in UNCURED), str(outcome)


@pytest.mark.skipif(not EVERYTHING, reason="`make test-all` seeds all faults of the stack")
def test_the_shares_of_what_is_told_and_cured(capsys):
    outcomes = [outcome_of(fault) for fault in HERE] + list(OUTCOMES.values())
    shares = Shares.of(outcomes)
    with capsys.disabled():
        print(f"\nall faults: {shares}")
    assert shares.faults == len(FAULTS)
    assert shares.told >= 0.95 * shares.faults
    assert shares.cured >= 0.8 * shares.local
