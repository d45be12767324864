"""`fanfare doctor` over the fakes: what is healthy, what is not, and that it leaves nothing."""

import json
from dataclasses import replace
from datetime import timedelta
from threading import Event

import pytest
from typer.testing import CliRunner

from pipeline.cli.checks import Ward
from pipeline.cli.exits import Exit
from pipeline.cli.main import app as fanfare
from pipeline.cli.session import Session
from pipeline.domain.catalogue.catalogue import DefinitionError
from pipeline.domain.definitions.pool import Gpu
from pipeline.domain.health.azure import PROVIDERS
from pipeline.domain.health.findings import Deployment, QueueReading
from pipeline.domain.health.quotas import Machines, Quotas, Size
from pipeline.domain.health.roles import NEEDED, Assignment, Bearer
from pipeline.domain.runs.messages import Queue
from pipeline.domain.runs.naming import CONTAINERS, BlobRef
from pipeline.domain.waiting.reports import PoolReport
from pipeline.errors import Transient
from pipeline.handlers.doors import timers
from pipeline.ledger.layout import TABLES
from tests.unit.domain.definitions.test_pool import pool
from tests.unit.handlers.mending.test_outages import refusing

AZURE = Deployment("s", "rg-x", "bax", "stx", "func-x", "westeurope", topic="fanfare-runs-x")


class FakeSurvey:
    """Reports a healthy deployment, except for what a test changes."""

    def __init__(self):
        self.ahead, self.status, self.gone = timedelta(), 200, ""
        self.others, self.left = 1, ""

    def containers(self):
        return set(CONTAINERS)

    def queues(self):
        return {name for queue in Queue for name in (queue, f"{queue}-poison")} - {self.gone}

    def tables(self):
        return set(TABLES)

    def queue(self, name):
        return QueueReading(name, 0)

    def send_and_take_back(self, queue):
        if self.gone == queue:
            raise Transient(f"send to {queue}: no answer (ServiceRequestError)")

    def skew(self):
        return self.ahead

    def active_jobs(self):
        return 1

    def pools(self):
        return [Machines("another", "standard_d2s_v5", self.others, 0, self.left, not self.left)]

    def answers(self, url):
        return self.status


class FakeManagement:
    """A healthy subscription."""

    def __init__(self):
        self.subscribers = {"shop"}

    def subscriptions(self, topic):
        assert topic == AZURE.topic
        return {name: {} for name in self.subscribers}

    def quotas(self):
        return Quotas(100, 100, {}, False, 100, 100)

    def sizes(self):
        return {"standard_d2s_v5": Size("standardDSv5Family", 2)}

    def providers(self):
        return set(PROVIDERS)

    def roles(self, bearer):
        group = "/subscriptions/s/resourceGroups/rg-x"
        return [Assignment(role, group) for role, _ in NEEDED[bearer]]


class Doctor:
    """Runs the doctor on an app in memory, whose world continues while the doctor waits."""

    def __init__(self, app):
        self.app, self.survey, self.management = app, FakeSurvey(), FakeManagement()
        for known in app.engine.catalogue.pools.values():
            app.engine.ports.cluster.push_formula(app.engine.pool_id_of(known), "x")

        timers.note(app.engine)

    def _sleep(self, seconds):
        self.app.world.clock.advance(seconds=seconds)
        self.app.pump()

    def ward(self, wait):
        urls = {"Batch": "https://batch", "topic": "https://topic"}
        parts = (self.app.engine, self.survey, self.management, AZURE, urls, self._sleep)
        return Ward(*parts, patience_s=wait * 0.75, declared={"shop"})

    def ask(self, *more):
        return CliRunner().invoke(fanfare, ["doctor", *more], obj=Session(ward=self.ward))

    def findings(self):
        """Return the exit code and the findings, by check."""
        result = self.ask("--json", "--wait", "5")
        told = json.loads(result.stdout)["findings"]
        wrong = {one["check"]: one for one in told if one["level"] not in ("ok", "only in Azure")}
        return result.exit_code, wrong


@pytest.fixture
def doctor(cli):
    return Doctor(cli.app)


def test_a_healthy_deployment_is_healthy_and_nothing_stays_behind(doctor):
    assert doctor.findings() == (Exit.OK, {})
    assert doctor.app.all_runs() == []
    left = [b for name in ("input", "receipts") for b in doctor.app.world.blobs.list(name, "")]
    assert left == []


def test_without_a_management_plane_it_says_so(doctor):
    doctor.management = None
    shown = doctor.ask()
    assert shown.exit_code == Exit.OK
    assert "only in Azure: a local stack has no quota of cores" in shown.stdout


def test_who_was_taken_out_of_the_subscribers_still_gets_events(doctor):
    doctor.management.subscribers = {"shop", "former"}
    code, wrong = doctor.findings()
    assert (code, wrong["subscribers"]["level"]) == (Exit.FAILED, "note")
    assert wrong["subscribers"]["what"].startswith("former gets events")
    command = "az eventgrid topic event-subscription delete -g rg-x --topic-name fanfare-runs-x"
    assert wrong["subscribers"]["mend"].startswith(f"{command} -n former;")


def test_a_subscriber_that_is_declared_and_gets_nothing_is_a_fault(doctor):
    doctor.management.subscribers = set()
    _, wrong = doctor.findings()
    assert (wrong["subscribers"]["level"], wrong["subscribers"]["mend"]) == (
        "fault",
        "azd provision",
    )


def test_without_parameters_subscribers_are_counted(doctor):
    whole = doctor.ward
    doctor.ward = lambda wait: replace(whole(wait), declared=None)
    told = json.loads(doctor.ask("--json").stdout)["findings"]
    (found,) = [one for one in told if one["check"] == "subscribers"]
    assert (found["level"], found["what"].startswith("1 get events")) == ("ok", True)


def test_missing_events_are_found_and_the_probe_is_removed(doctor):
    doctor.app.loses = lambda event: True
    code, wrong = doctor.findings()
    assert (code, set(wrong)) == (Exit.FAILED, {"events of input", "events of receipts"})
    assert list(doctor.app.world.blobs.list("input", "")) == []


def test_a_service_without_an_answer_is_unreachable_and_stops_no_other_check(doctor):
    doctor.survey.gone = "work"
    code, wrong = doctor.findings()
    assert code == Exit.UNREACHABLE
    assert wrong["queues"]["what"] == "missing: work"
    assert wrong["role: queues"]["level"] == "unreachable"


def test_a_check_that_breaks_stops_no_other(doctor):
    doctor.survey.skew = lambda: 1 / 0
    code, wrong = doctor.findings()
    assert (code, list(wrong)) == (Exit.FAILED, ["clock"])
    assert "ZeroDivisionError" in wrong["clock"]["what"]


def test_a_check_that_hangs_is_reported_and_stops_no_other(doctor):
    held = Event()
    doctor.survey.skew = held.wait
    result = doctor.ask("--json", "--wait", "1")
    held.set()
    wrong = [one for one in json.loads(result.stdout)["findings"] if one["level"] == "unreachable"]
    assert [one["check"] for one in wrong] == ["clock"]
    assert "no answer within 1 s" in wrong[0]["what"]


def test_a_stack_that_is_not_up_is_a_finding_with_the_command_that_starts_it(tmp_path):
    (tmp_path / "stack.lock").touch()
    words = ["doctor", "--json", "--target", str(tmp_path)]
    result = CliRunner().invoke(fanfare, words, obj=Session())
    (found,) = json.loads(result.stdout)["findings"]
    assert (result.exit_code, found["check"]) == (Exit.UNREACHABLE, "local stack")
    assert found["mend"] == f"fanfare up --data {tmp_path}"


def test_definitions_that_cannot_be_used_are_the_only_finding():
    def ward(_wait):
        raise DefinitionError("pipelines/a.yaml:1: triger: unknown key")

    result = CliRunner().invoke(fanfare, ["doctor", "--json"], obj=Session(ward=ward))
    (found,) = json.loads(result.stdout)["findings"]
    assert (result.exit_code, found["check"]) == (Exit.FAILED, "definitions")
    assert "a.yaml:1" in found["what"]


def test_the_disk_below_a_local_stack_is_looked_at(doctor, tmp_path):
    whole = doctor.ward
    doctor.ward = lambda wait: replace(whole(wait), folder=tmp_path)
    told = json.loads(doctor.ask("--json").stdout)["findings"]
    (found,) = [one for one in told if one["check"] == "disk"]
    assert "MB are free" in found["what"]


def test_an_app_that_fails_is_reported_with_its_restart(doctor):
    doctor.survey.status = 503
    _, wrong = doctor.findings()
    assert "az functionapp restart -g rg-x -n func-x" in wrong["topic"]["mend"]


def test_cores_of_other_pools_are_reported_and_count_as_taken(doctor):
    told = json.loads(doctor.ask("--json").stdout)["findings"]
    assert ("cores: dedicated", "2 of 100 are used") in [(f["check"], f["what"]) for f in told]
    doctor.survey.others = 49
    _, wrong = doctor.findings()
    assert wrong["quota of pool cpu"]["what"] == (
        "needs 8 dedicated cores, other pools have 98, the quota is 100"
    )


def test_a_pool_that_keeps_nodes_and_that_nobody_declares_is_reported(doctor):
    doctor.survey.left = "cpu"
    _, wrong = doctor.findings()
    assert "az batch pool delete --pool-id another" in wrong["pool another"]["mend"]


def test_a_pool_with_gpus_that_no_pipeline_uses_need_not_be_there(doctor):
    cards = pool(name="cards", gpu=Gpu.NVIDIA, slots=1, size="Standard_NC4as_T4_v3")
    doctor.app.engine.catalogue.pools["cards"] = cards
    assert doctor.findings() == (Exit.OK, {})
    told = {f["check"]: f for f in json.loads(doctor.ask("--json").stdout)["findings"]}
    assert told["pool cards"]["what"] == "is not deployed, and no pipeline uses its GPUs"
    assert "quota of pool cards" not in told


def test_a_pool_with_gpus_that_a_pipeline_uses_has_to_be_there(doctor):
    catalogue = doctor.app.engine.catalogue
    catalogue.pools["cards"] = pool(name="cards", gpu=Gpu.NVIDIA, slots=1, size="Standard_NC4")
    name, using = next(iter(catalogue.pipelines.items()))
    catalogue.pipelines[name] = using.model_copy(update={"pool": "cards"})
    _, wrong = doctor.findings()
    assert wrong["pool cards"]["mend"] == "azd env set FANFARE_GPU_POOLS true; azd provision"
    assert "does not offer" in wrong["quota of pool cards"]["what"]


def test_an_identity_without_its_role_is_reported_and_the_others_are_healthy(doctor):
    whole = doctor.management.roles
    doctor.management.roles = lambda bearer: whole(bearer) if bearer != Bearer.EVENTS else []
    code, wrong = doctor.findings()
    assert (code, list(wrong)) == (Exit.FAILED, ["roles of the system topic"])
    assert wrong["roles of the system topic"]["mend"] == "azd provision"


def test_a_run_that_does_not_move_is_reported_with_what_it_waits_for(doctor):
    doctor.app.upload("lines/a.txt", b"x\n")
    doctor.app.pump()
    doctor.app.world.clock.advance(hours=2)
    _, wrong = doctor.findings()
    assert "has not moved" in wrong["runs"]["what"] and "queued" in wrong["runs"]["why"]


def test_a_run_that_waits_for_a_fault_is_reported_at_once(doctor):
    doctor.app.upload("lines/a.txt", b"x\n")
    doctor.app.pump()
    app, (pool,) = doctor.app, doctor.app.world.batch.pools
    app.world.batch.pools[pool] = PoolReport("")
    for _ in range(4):
        app.pass_time()
    _, wrong = doctor.findings()
    assert "pool-missing" in wrong["runs"]["why"] and wrong["runs"]["mend"] == "azd provision"


@pytest.mark.parametrize(("stood_in", "level"), [(False, "fault"), (True, "note")])
def test_a_timer_that_has_stopped_is_reported(doctor, stood_in, level):
    app = doctor.app
    app.world.clock.advance(minutes=30)
    app.loses = lambda _event: not stood_in  # the probe is such a call
    _, wrong = doctor.findings()
    assert wrong["timer"]["level"] == level
    assert "has not ticked since" in wrong["timer"]["what"]
    assert wrong["timer"]["mend"] == "az functionapp restart -g rg-x -n func-x"
    timers.note(app.engine)
    assert "timer" not in doctor.findings()[1]


def test_an_event_that_was_not_announced_is_reported(doctor):
    doctor.app.loses = lambda event: False
    doctor.app.upload("lines/a.txt", b"x\n")
    for _ in range(20):
        doctor.app.run_tasks()
        for queue in ("blob-events", "work", "receipts"):
            doctor.app.take(queue)
            if doctor.app.lose("announce"):
                break
    doctor.app.world.clock.advance(hours=2)
    doctor.app.world.queues.send = lambda *_: None
    _, wrong = doctor.findings()
    assert "1 completion events are not announced" in wrong["announcements"]["what"]


def test_an_event_that_the_topic_refuses_is_reported_with_the_last_error(doctor):
    app = doctor.app
    app.upload("lines/a.txt", b"x\n")
    refusing(app, "events", "publish", app.world.clock.now() + timedelta(hours=9))
    for _ in range(40):
        app.pump()
        app.run_tasks()
        app.pass_time()
    _, wrong = doctor.findings()
    assert "the last error: 503: the service is busy" in wrong["announcements"]["why"]


def test_a_dead_letter_is_reported(doctor):
    doctor.app.upload("x.json", b"{}", "dead-letter")
    _, wrong = doctor.findings()
    assert "dead-letter" in wrong


def test_a_probe_with_content_or_elsewhere_is_not_a_probe(doctor):
    doctor.app.upload(".fanfare-doctor/x", b"content")
    doctor.app.upload(".fanfare-doctor/y", b"", "output")
    doctor.app.pump()
    blobs = doctor.app.world.blobs
    assert blobs.head(BlobRef("input", ".fanfare-doctor/x"))
    assert blobs.head(BlobRef("output", ".fanfare-doctor/y"))
