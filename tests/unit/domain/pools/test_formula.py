from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from emulators.batch.autoscale.evaluate import Situation, evaluate
from emulators.batch.autoscale.grammar import parse
from emulators.batch.autoscale.samples import PERIOD, Samples
from pipeline.domain.definitions.pool import Nodes, Pool
from pipeline.domain.pools.formula import MAX_LENGTH, MAX_TERMS, Demand, render_formula
from tests.unit.domain.definitions.test_pool import pool
from tests.unit.domain.quick import quick

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)


def demand(slots, minutes, run="r"):
    return Demand(run, slots, NOW + timedelta(minutes=minutes))


def demand_line(formula):
    return next(line for line in formula.splitlines() if line.startswith("demand"))


def test_without_demand_only_pending_tasks_count():
    assert demand_line(render_formula(pool(), [], NOW)) == "demand = 0;"


def test_a_demand_ends_by_the_clock_of_the_formula():
    formula = render_formula(pool(), [demand(3, 60)], NOW)
    assert demand_line(formula) == 'demand = (time() < time("2026-11-23T11:00:00Z") ? 3 : 0);'


def test_the_time_is_written_in_utc():
    local = Demand("r", 1, datetime.fromisoformat("2026-11-23T13:00:00+02:00"))
    assert 'time("2026-11-23T11:00:00Z")' in render_formula(pool(), [local], NOW)


def test_expired_and_empty_demands_are_left_out():
    assert demand_line(render_formula(pool(), [demand(3, 0), demand(0, 5)], NOW)) == "demand = 0;"


def test_demands_that_end_together_are_one_term():
    formula = render_formula(pool(), [demand(1, 5, "a"), demand(2, 5, "b")], NOW)
    assert demand_line(formula).count("time()") == 1
    assert "? 3 : 0" in demand_line(formula)


def test_a_demand_beyond_the_pool_is_cut_to_what_it_holds():
    assert "? 8 : 0" in render_formula(pool(slots=2), [demand(10**15, 5)], NOW)


def test_spot_takes_its_share_and_all_ends_gracefully():
    formula = render_formula(pool(nodes=Nodes(maximum=4, spot_share=0.8)), [], NOW)
    assert "spot = floor(nodes * 0.8 + 0.5);\n" in formula
    assert "$TargetDedicatedNodes = nodes - spot;\n" in formula
    assert formula.endswith("$NodeDeallocationOption = taskcompletion;\n")


@quick
@given(st.lists(st.tuples(st.integers(1, 50), st.integers(1, 10_000)), max_size=300))
def test_many_demands_fit_and_none_ends_early(asked):
    big: Pool = pool(nodes=Nodes(maximum=5000), slots=256)
    life = timedelta(minutes=15)
    formula = render_formula(big, [demand(*one) for one in asked], NOW, life)
    assert len(formula) <= MAX_LENGTH
    assert demand_line(formula).count("time()") <= MAX_TERMS
    assert formula.count(";") <= 100
    wanted = sum(slots for slots, _ in asked)
    assert _promised(formula, NOW) >= wanted if wanted < 5000 * 256 else True
    latest = NOW + timedelta(minutes=max((minutes for _, minutes in asked), default=0))
    assert _promised(formula, latest) == 0


def _promised(formula, at):
    """Evaluate the demand at a time as Batch would."""
    total = 0
    for term in demand_line(formula).removesuffix(";").split(" + "):
        if "time(" in term:
            until = datetime.fromisoformat(term.split('"')[1])
            total += int(term.split("? ")[1].split(" ")[0]) if at < until else 0
    return total


LIFE = timedelta(minutes=15)


def nodes(rented, asked, *, at=0.0, pending=(), running=()):
    """Evaluate the formula as Batch would, some minutes after NOW.

    `pending` and `running` are what was measured until then; nothing, without them.
    """
    moment, samples = NOW + timedelta(minutes=at), Samples()
    for number, (waiting, working) in enumerate(zip(pending, running, strict=True)):
        when = moment - PERIOD * (len(pending) - 1 - number)
        samples.record(when, {"$PendingTasks": waiting, "$RunningTasks": working})
    found = evaluate(parse(render_formula(rented, asked, NOW, LIFE)), Situation(moment, samples))
    assert not found.error_code, found.error_detail
    return found.dedicated + found.spot


ROOMY = pool(slots=2, nodes=Nodes(maximum=50))
ASKED = [Demand("r", 20, NOW + LIFE)]


def test_what_a_run_asks_for_counts_before_batch_has_measured_its_tasks():
    assert nodes(ROOMY, ASKED, pending=[0] * 20, running=[0] * 20) == 10


def test_after_two_minutes_the_pending_tasks_count_and_one_node_for_the_assembler():
    assert nodes(ROOMY, ASKED, at=2, pending=[6] * 20, running=[2] * 20) == 3
    assert nodes(ROOMY, ASKED, at=2, pending=[0] * 20, running=[0] * 20) == 1


def test_where_nothing_is_measured_a_demand_counts_until_it_expires():
    assert nodes(ROOMY, ASKED, at=14) == 10
    assert nodes(ROOMY, ASKED, at=15) == 0


def test_of_the_nodes_that_were_busy_a_third_stays_for_the_next_run():
    assert nodes(ROOMY, [], pending=[0] * 20, running=[24] * 20) == 4
    assert nodes(ROOMY, [], pending=[0] * 20, running=[24] * 10 + [0] * 10) == 2
    assert nodes(ROOMY, [], pending=[0] * 20, running=[0] * 20) == 0
