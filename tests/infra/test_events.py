"""Events: which are delivered where, what becomes of the others, and who is told of it."""

import re

from pipeline.cli.stack import config as local
from pipeline.domain.health.alerts import FREQUENCY, METRICS
from pipeline.domain.health.findings import SYSTEM_TOPIC
from pipeline.domain.runs.messages import Queue
from pipeline.domain.runs.naming import CONTAINERS, DEAD_LETTER, OUTPUT, RESERVED
from scripts import render_alerts
from tests.infra.deployment import ALERTS, INFRA, ROOT, SUBSCRIPTIONS, names, one, resources

STORAGE = "Microsoft.Storage/storageAccounts"


def containers():
    return names(f"{STORAGE}/blobServices/containers", "public")


def test_subscriptions_use_what_exists():
    for entry in SUBSCRIPTIONS["eventSubscriptions"]:
        properties = entry["properties"]
        dead = properties["deadLetterDestination"]
        assert properties["destination"]["endpointType"] == "StorageQueue"
        assert properties["destination"]["properties"]["queueName"] in Queue
        assert dead["endpointType"] == "StorageBlob"
        assert dead["properties"]["blobContainerName"] in CONTAINERS
        assert properties["eventDeliverySchema"] == "EventGridSchema"
        assert entry["topic"] == SUBSCRIPTIONS["topics"][0]["name"]


def test_subscriptions_are_made_as_the_file_says():
    """The local stack reads the same file; names of queues and containers get their account."""
    made = resources("Microsoft.EventGrid/systemTopics/eventSubscriptions", "public")
    assert [each["name"].rpartition("/")[2] for each in made] == [
        entry["name"] for entry in SUBSCRIPTIONS["eventSubscriptions"]
    ]
    for entry, each in zip(SUBSCRIPTIONS["eventSubscriptions"], made, strict=True):
        said, properties = entry["properties"], each["properties"]
        queue = properties["deliveryWithResourceIdentity"]["destination"]["properties"]
        dead = properties["deadLetterWithResourceIdentity"]["deadLetterDestination"]["properties"]
        account = {"resourceId": one(STORAGE, "public")["id"]}
        assert queue == {**said["destination"]["properties"], **account}
        assert dead == {**said["deadLetterDestination"]["properties"], **account}
        assert [properties[k] for k in ("filter", "retryPolicy", "eventDeliverySchema")] == [
            said[k] for k in ("filter", "retryPolicy", "eventDeliverySchema")
        ]


def test_topics_are_those_of_the_file_in_its_order():
    storage, runs = SUBSCRIPTIONS["topics"]
    system, custom = (one(f"Microsoft.EventGrid/{kind}") for kind in ("systemTopics", "topics"))
    assert system["name"] == storage["name"]
    assert storage["type"] == system["properties"]["topicType"]
    assert runs["inputSchema"] == custom["properties"]["inputSchema"]
    assert runs["name"] == local.TOPIC
    assert custom["name"].startswith(f"{local.TOPIC}-")


def test_completion_events_that_nobody_takes_can_be_read_in_the_container_of_dead_letters():
    made = resources("Microsoft.EventGrid/topics/eventSubscriptions")
    dead = [each["properties"]["deadLetterWithResourceIdentity"] for each in made]
    targets = [each["deadLetterDestination"]["properties"]["blobContainerName"] for each in dead]
    assert targets == [DEAD_LETTER] * 5


def test_a_web_hook_gets_tokens_only_if_its_entry_asks_for_them():
    made = {
        each["name"].rpartition("/")[2]: each["properties"].get("destination", {})
        for each in resources("Microsoft.EventGrid/topics/eventSubscriptions")
    }
    asked, plain = made["shop"]["properties"], made["open"]["properties"]
    assert set(asked) - set(plain) == {
        "azureActiveDirectoryTenantId",
        "azureActiveDirectoryApplicationIdOrUri",
    }
    assert asked["azureActiveDirectoryApplicationIdOrUri"] == "api://shop"


def test_what_the_app_writes_for_itself_starts_nothing():
    """Package uploads and the host's own locks are blobs, too: none may start a function."""
    entry = next(e for e in SUBSCRIPTIONS["eventSubscriptions"] if e["name"] == "blob-events")
    (unwanted,) = entry["properties"]["filter"]["advancedFilters"]
    unheard = {value.split("/")[4] for value in unwanted["values"]}
    own = {*(set(containers()) - set(CONTAINERS)), "azure-webjobs-"}
    assert unheard == RESERVED | own | {OUTPUT}


def test_sentences_that_alerts_and_workbook_look_for_are_logged():
    code = "".join(p.read_text("utf-8") for p in sorted((ROOT / "pipeline").rglob("*.py")))
    queries = str(ALERTS["log"]["query"])
    queries += (INFRA / "workbook.json").read_text("utf-8").replace('\\"', '"')
    sentences = set(re.findall(r'message has "([^"]+)"', queries))
    assert len(sentences) > 4
    assert {s for s in sentences if f'"{s}' not in code} == set()


def test_the_deployed_alerts_are_those_of_the_table():
    written = render_alerts.PATH.read_text("utf-8")
    assert written == render_alerts.rendered(), "run `make render`"
    (condition,) = one("Microsoft.Insights/scheduledQueryRules")["properties"]["criteria"]["allOf"]
    assert condition["query"] == ALERTS["log"]["query"]


def test_the_deployed_conditions_on_metrics_are_those_that_tests_evaluate():
    """`exceeded` adds up one period, and fires above a row's number: so must the deployed rule."""
    made = {
        rule["name"]: rule["properties"] for rule in resources("Microsoft.Insights/metricAlerts")
    }
    assert list(made) == [alert.name for alert in METRICS]
    for alert in METRICS:
        rule = made[alert.name]
        (condition,) = rule["criteria"]["allOf"]
        assert "dimensions" not in condition
        assert (condition["metricNamespace"], condition["metricName"]) == (
            alert.scope,
            alert.metric,
        )
        assert (condition["operator"], condition["threshold"]) == ("GreaterThan", alert.above)
        assert condition["timeAggregation"] == "Total"
        assert rule["windowSize"] == rule["evaluationFrequency"] == FREQUENCY


def test_events_that_do_not_arrive_are_told_for_both_topics():
    told = set()
    for rule in resources("Microsoft.Insights/metricAlerts"):
        (scope,) = rule["properties"]["scopes"]
        (condition,) = rule["properties"]["criteria"]["allOf"]
        told.add((scope.split("/")[7], condition["metricName"]))
        assert condition["metricNamespace"] == "/".join(scope.split("/")[6:8])
    lost = {"DroppedEventCount", "DeadLetteredCount"}
    assert told - {("topics", "PublishFailCount")} == {
        (topic, metric) for topic in ("topics", "systemTopics") for metric in lost
    }


def test_logs_of_azures_services_are_kept_on_request_only():
    kind = "Microsoft.Insights/diagnosticSettings"
    assert resources(kind, "public") == resources(kind, "private") == []
    kept = {
        each["id"].split("/")[7]: [log["category"] for log in each["properties"]["logs"]]
        for each in resources(kind)
    }
    assert kept == {
        "systemTopics": ["DeliveryFailures"],
        "topics": ["DeliveryFailures", "PublishFailures"],
        "batchAccounts": ["ServiceLog"],
    }


def test_the_doctor_names_the_system_topic_that_is_deployed():
    (topic,) = {each["topic"] for each in SUBSCRIPTIONS["eventSubscriptions"]}
    assert topic == SYSTEM_TOPIC
