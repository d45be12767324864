"""`fanfare cost`: an idle month, and items compared with the naive design."""

from datetime import timedelta

import pytest

from pipeline.cli.commands.cost import aged, metered, prices
from pipeline.cli.exits import Exit
from tests.unit.cli.conftest import LINES


def test_a_bill_is_the_sum_of_its_lines_and_every_price_has_a_source(cli):
    told = cli.json("cost")
    for part in ("control_plane", "naive"):
        for end in ("low", "high"):
            lines = sum(line["cost"][end] for line in told[part]["lines"])
            assert told[part]["total"][end] == pytest.approx(lines)
    known = [*told["prices"].values(), *told["assumptions"].values()]
    assert all(each["source"] for each in known)
    assert told["control_plane"]["total"]["low"] < told["control_plane"]["total"]["high"]
    assert told["control_plane"]["total"]["high"] < told["naive"]["total"]["low"]


def test_bundles_of_a_pipeline_make_it_cheaper(cli_with):
    cli = cli_with(LINES + "bundle: {items: 100}\n")
    one, hundred = cli.json("cost"), cli.json("cost", "job")
    assert hundred["items_per_task"] == 100
    assert low(hundred) < low(one) / 2
    assert hundred["naive"] == one["naive"]


def test_the_items_per_task_can_be_tried(cli):
    one, hundred = cli.json("cost"), cli.json("cost", "--bundle", "100")
    assert hundred["items_per_task"] == 100
    assert low(hundred) < 1 < low(one)


def low(told):
    return told["control_plane"]["total"]["low"]


def test_a_million_tasks_of_one_item_write_three_blobs_each_and_each_is_an_event(cli):
    """The worked example of the page on costs."""
    lines = {line["what"]: line for line in cli.json("cost")["control_plane"]["lines"]}
    written = lines["Event Grid: blobs written"]
    assert written["amount"]["low"] == pytest.approx(3_010_000, rel=0.001)
    delivered = lines["Event Grid: deliveries"]
    cost = written["cost"]["low"] + delivered["cost"]["low"]
    assert cost == pytest.approx(4.01 * 0.60, abs=0.01)


def test_nodes_are_priced_with_their_boot_and_their_idle_end(cli):
    told = cli.json("cost", "job")["nodes"]
    assert not told["work_known"]
    around = {end: told["boot"][end] + told["idle"][end] for end in ("low", "high")}
    assert told["cost"]["low"] == pytest.approx(around["low"] * 0.36 / 3600)
    assert "besides the work" in cli("cost", "job").stdout
    cli.finished()
    told = cli.json("cost", "job", "--items", "10")["nodes"]
    around = {end: told["boot"][end] + told["idle"][end] for end in ("low", "high")}
    for end in ("low", "high"):
        assert told["cost"][end] == pytest.approx((told["work"] + around[end]) * 0.36 / 3600)


def test_without_a_pipeline_nodes_are_unknown(cli):
    assert cli.json("cost")["nodes"] == {"work_known": False, "cost": None}
    assert "nodes: unknown" in cli("cost").stdout


def test_a_private_network_shows_what_it_costs_while_idle(cli):
    open_, closed = month(cli), month(cli, "--private-network")
    more = 7 * 730 * 0.01 + 6 * 0.5
    assert closed["low"] - open_["low"] == pytest.approx(more)
    assert closed["high"] - open_["high"] == pytest.approx(more)


def month(cli, *options):
    return cli.json("cost", *options)["idle"]["month"]


def test_the_low_end_of_a_month_has_only_operations_of_storage(cli):
    lines = {line["what"]: line["cost"]["low"] for line in cli.json("cost")["idle"]["lines"]}
    paid = {what for what, cost in lines.items() if cost}
    timers = {f"timers: {kind}" for kind in ("blob-write", "queue-operation", "table-operation")}
    assert paid == {*timers, "probes of the queues", "hosts: locks"}
    assert sum(lines.values()) < 0.7


def test_logs_and_functions_cost_where_other_apps_use_the_free_grants_up(cli):
    lines = {line["what"]: line["cost"] for line in cli.json("cost")["idle"]["lines"]}
    for what in ("logs, GB", "timers: GB-seconds"):
        assert lines[what]["low"] == 0 < lines[what]["high"]


def test_alerts_cost_a_rule_on_the_log_and_nothing_on_metrics_while_the_grant_lasts(cli):
    without, with_alerts = month(cli), month(cli, "--alerts")
    assert cli.json("cost", "--alerts")["idle"]["options"] == ["alertEmail"]
    assert with_alerts["low"] - without["low"] == pytest.approx(0.5)
    assert with_alerts["high"] - without["high"] == pytest.approx(0.5 + 5 * 0.1)


def test_what_each_parameter_adds_is_what_choosing_it_adds(cli):
    alone, added = month(cli)["low"], cli.json("cost")["idle"]["added"]
    both = month(cli, "--alerts", "--private-network")["low"]
    assert both - alone == pytest.approx(added["alertEmail"] + added["privateNetwork"])
    assert added["instanceMemoryMB 512"] == 0 < added["instanceMemoryMB 4096"]
    shown = cli("cost").stdout
    assert all(name in shown for name in added)


def test_the_samples_are_met_exactly():
    for sample in metered().samples:
        estimate = metered().of(sample.items, sample.tasks)
        assert estimate == pytest.approx(sample.operations)


def test_each_assumption_is_printed_with_its_range_and_its_source(cli):
    shown = " ".join(cli("cost").stdout.split())
    for each in prices().assumptions.values():
        assert f"{each.low:g} to {each.high:g} {each.unit}" in shown
        assert each.source.split()[0] in shown


def test_the_table_names_what_is_left_out_and_fits_a_terminal(cli):
    shown = cli("cost").stdout
    assert "Not included" in shown and "naive" in shown and "*" in shown
    bills = shown.split("Assumed, low to high")[0].splitlines()
    assert len(bills) > 20 and all(len(line) <= 80 for line in bills)


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
