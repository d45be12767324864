"""`fanfare cost`: an idle month, and items compared with the naive design."""

from datetime import timedelta

import pytest

from pipeline.cli.commands.cost import aged, metered, prices
from pipeline.cli.exits import Exit
from pipeline.domain.money import idle
from tests.unit.cli.conftest import LINES


def test_a_bill_is_the_sum_of_its_lines_and_every_price_has_a_source(cli):
    told = cli.json("cost")
    for part in ("control_plane", "naive"):
        assert told[part]["total"] == pytest.approx(sum(x["cost"] for x in told[part]["lines"]))
    assert all(price["source"] and price["date"] for price in told["prices"].values())
    assert told["control_plane"]["total"] < told["control_plane"]["at_worst"]
    assert told["control_plane"]["at_worst"] < told["naive"]["total"]


def test_bundles_of_a_pipeline_make_it_cheaper(cli_with):
    cli = cli_with(LINES + "bundle: {items: 100}\n")
    one, hundred = cli.json("cost"), cli.json("cost", "job")
    assert hundred["items_per_task"] == 100
    assert hundred["control_plane"]["total"] < one["control_plane"]["total"] / 2
    assert hundred["naive"] == one["naive"]


def test_the_items_per_task_can_be_tried(cli):
    one, hundred = cli.json("cost"), cli.json("cost", "--bundle", "100")
    assert hundred["items_per_task"] == 100
    assert hundred["control_plane"]["total"] < 1 < one["control_plane"]["total"]


def test_nodes_are_priced_once_the_pipeline_has_run(cli):
    assert cli.json("cost", "job")["nodes"]["cost"] is None
    cli.finished()
    nodes = cli.json("cost", "job", "--items", "10")["nodes"]
    assert nodes["cost"] == pytest.approx(nodes["node_seconds"] * 0.36 / 3600)


def test_a_private_network_shows_what_it_costs_while_idle(cli):
    open_, closed = cli.json("cost"), cli.json("cost", "--private-network")
    more = closed["idle"]["month"] - open_["idle"]["month"]
    assert more == pytest.approx(7 * 730 * 0.01 + 6 * 0.5)


def test_a_month_without_a_run_costs_what_timers_and_probes_ask_of_storage_and_nothing_else(cli):
    lines = {line["what"]: line["cost"] for line in cli.json("cost")["idle"]["lines"]}
    paid = {what for what, cost in lines.items() if cost}
    timers = {f"timers: {kind}" for kind in ("blob-write", "queue-operation", "table-operation")}
    assert paid == {*timers, "probes of the queues"}
    assert lines["probes of the queues"] == pytest.approx(1.26 / 4, abs=0.01)  # of 12 triggers: 3
    assert sum(lines.values()) < 0.7


def test_free_grants_are_deducted_from_the_month_and_never_below_zero():
    small, usual, large = (
        {line.meter: line for line in idle.month(prices(), {}, size_mb=size)}
        for size in idle.SIZES_MB
    )
    assert {line["function-execution"].cost for line in (small, usual, large)} == {0}
    assert small["function-gb-second"].cost == usual["function-gb-second"].cost == 0
    beyond = (43_800 + 730) * 4 - 100_000
    assert large["function-gb-second"].cost == pytest.approx(beyond * 0.000026)


def test_alerts_cost_a_rule_on_the_log_and_nothing_on_metrics(cli):
    without, with_alerts = cli.json("cost"), cli.json("cost", "--alerts")
    assert with_alerts["idle"]["options"] == ["alertEmail"]
    assert with_alerts["idle"]["month"] - without["idle"]["month"] == pytest.approx(0.5)


def test_what_each_parameter_adds_is_what_choosing_it_adds(cli):
    month, added = cli.json("cost")["idle"]["month"], cli.json("cost")["idle"]["added"]
    both = cli.json("cost", "--alerts", "--private-network")["idle"]["month"]
    assert both - month == pytest.approx(added["alertEmail"] + added["privateNetwork"])
    assert added["instanceMemoryMB 512"] == 0 < added["instanceMemoryMB 4096"]
    shown = cli("cost").stdout
    assert all(name in shown for name in added)


def test_the_samples_are_met_exactly():
    for sample in metered().samples:
        estimate = metered().of(sample.items, sample.tasks)
        assert estimate == pytest.approx(sample.operations)


def test_the_table_names_what_is_left_out_and_fits_a_terminal(cli):
    shown = cli("cost").stdout
    assert "Not included" in shown and "naive" in shown and "*" in shown
    assert all(len(line) <= 80 for line in shown.splitlines() if "operation" in line)


def test_prices_that_were_noted_long_ago_are_warned_of():
    tariff = prices()
    noted = sorted(meter.date for meter in tariff.meters.values())
    assert not aged(tariff, noted[0] + timedelta(days=180))
    warning = aged(tariff, noted[-1] + timedelta(days=181))
    assert f"{len(noted)} prices were noted more than 180 days ago" in warning
    assert f"the oldest on {noted[0]}" in warning


def test_an_unknown_pipeline_and_no_items_are_refused(cli):
    assert cli("cost", "nope").exit_code == Exit.FAILED
    assert cli("cost", "--items", "0").exit_code == Exit.USAGE
