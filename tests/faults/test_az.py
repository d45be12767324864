"""Printed `az` commands pass the real argument parser of the Azure CLI; none is carried out."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from pipeline.domain.preflight.questions import QUESTIONS
from tests.faults.remedies import commands
from tests.faults.table import Kind
from tests.faults.test_memory import HERE, outcome_of
from tests.infra.test_azure_cli import questions_of_the_preflight

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv/az/bin/python"
PARSER = Path(__file__).parent / "extra/parse_az.py"
IN_AZURE = [fault for fault in HERE if fault.kind is Kind.AZ]


def printed(fault):
    told = outcome_of(fault).told
    return list(commands(told.remedy, "az")) if told else []


@pytest.fixture(scope="module")
def complaints(tmp_path_factory):
    if not PYTHON.exists():
        pytest.skip("for want of azure-cli (make az)")

    def of(lines):
        folder = tmp_path_factory.mktemp("azure")
        told = {"AZURE_CONFIG_DIR": str(folder), "AZURE_CORE_COLLECT_TELEMETRY": "0"}
        given = "".join(f"{json.dumps(argv[1:])}\n" for argv in lines)
        done = subprocess.run(
            [PYTHON, PARSER],
            input=given,
            env=os.environ | told,
            capture_output=True,
            text=True,
            check=True,
            timeout=600,
        )
        return dict(zip(map(" ".join, lines), json.loads(done.stdout), strict=True))

    return of


@pytest.mark.parametrize("fault", IN_AZURE, ids=str)
def test_a_fault_in_azure_has_commands_of_az(fault):
    assert printed(fault)


@pytest.mark.timeout(600)
def test_the_parser_of_az_takes_every_printed_command(complaints):
    lines = {" ".join(argv): argv for fault in IN_AZURE for argv in printed(fault)}
    assert len(lines) > 10
    assert {line: said for line, said in complaints(list(lines.values())).items() if said} == {}


@pytest.mark.timeout(600)
def test_the_parser_of_az_takes_every_question_of_the_preflight(complaints):
    lines = {" ".join(words): ["az", *words] for words in questions_of_the_preflight()}
    assert len(lines) == len(QUESTIONS)
    assert {line: said for line, said in complaints(list(lines.values())).items() if said} == {}


def test_the_parser_of_az_refuses_what_does_not_exist(complaints):
    wrong = [
        ["az", "batch", "pool", "mend"],
        ["az", "batch", "pool", "show", "--pool-id"],
        ["az", "provider", "register", "-n", "Microsoft.Batch", "--at-once"],
    ]
    assert all(complaints(wrong).values())
