"""Each service is killed or hangs at random moments, under load, and no run is the worse for it.

The settings CAMPAIGN_SEED and CAMPAIGN_ROUNDS repeat a campaign; the first line of the output has
them. The seed gives the same blows and inputs; the moment at which a blow meets a run differs.
"""

import os
import random
import secrets
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.campaign.blows import Blow, strike
from tests.campaign.definitions import add_pipelines
from tests.campaign.judge import Judge
from tests.campaign.load import Load
from tests.e2e.local import Stack
from tests.patience import until

ROUNDS = int(os.environ.get("CAMPAIGN_ROUNDS", "50"))
SEED = int(os.environ.get("CAMPAIGN_SEED", secrets.randbelow(1_000_000)))


@pytest.mark.timeout(3600)
def test_no_run_is_stuck_lost_or_doubled_when_services_die(tmp_path: Path):
    print(f"CAMPAIGN_SEED={SEED} CAMPAIGN_ROUNDS={ROUNDS}", flush=True)
    began, draw, blows = time.monotonic(), random.Random(SEED), Counter[str]()
    stack = Stack(tmp_path, "awkward", SEED)
    add_pipelines(stack.definitions / "pipelines")
    stack.start()
    try:
        judge = Judge(stack)
        with Load(stack, random.Random(draw.random())) as load:
            for number in range(ROUNDS):
                blow = Blow.drawn(draw)
                strike(stack, blow)
                blows[f"{blow.target} {blow.manner}"] += 1
                load.check()
                judge.look(load.works)
                print(f"{number} {blow} {judge.tell()}", flush=True)
                if draw.random() < 0.5:
                    await_success(judge, load)
        judge.close(load.works)
    finally:
        stack.stop()
    judge.check_unstarted()
    print(f"{ROUNDS} rounds in {time.monotonic() - began:.0f} s: {dict(blows)}")
    print(f"{load.inputs} inputs, {judge.tell()}")


def await_success(judge: Judge, load: Load) -> None:
    """Wait until what was asked for after the blow has come to its end."""
    asked = len(load.works)

    def came() -> bool:
        load.check()
        judge.look(load.works)
        return any(work.run in judge.ended for work in load.works[asked:])

    until(came, 180, "a run after the blow")
