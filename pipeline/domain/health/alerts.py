"""What an operator is told of by mail: the one table of alerts, and the query that it becomes.

`scripts/render_alerts.py` writes it to infra/alerts.json, which the templates deploy. The same
conditions select log records and metrics in tests, which seed the fault that each alert is about.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pipeline.domain.runs.obstacles import ObstacleCode
from pipeline.domain.waiting.verdicts import FAULTS

SEVERITY = 2  # a warning, in Azure Monitor's scale from 0 to 4
PERIOD = timedelta(minutes=15)  # how often the log and metrics are asked
FREQUENCY = f"PT{PERIOD.seconds // 60}M"
WINDOW = "PT1H"  # about how long the log is asked; metrics are asked about one period
_RUN = r"run\W+([a-z0-9-]+)"  # the field of a record that names its run


@dataclass(frozen=True)
class LogAlert:
    """An alert about records of the log.

    A record counts if it has one of the sentences, and if obstacles are given, one of those. The
    alert fires if a window has `times` such records; of one run, if that is more than 1.
    """

    name: str
    text: str
    sentences: tuple[str, ...]
    obstacles: tuple[ObstacleCode, ...] = ()
    times: int = 1

    def selects(self, message: str) -> bool:
        """Return whether the condition selects a record, by its message with its fields."""
        said = any(_has(message, sentence) for sentence in self.sentences)
        return said and (not self.obstacles or bool(re.search(self._waits_for(), message)))

    def condition(self) -> str:
        """Return the same condition in KQL."""
        said = " or ".join(f'message has "{sentence}"' for sentence in self.sentences)
        if not self.obstacles:
            return said
        return f'({said}) and message matches regex @"{self._waits_for()}"'

    def _waits_for(self) -> str:
        """Return what finds the field, whatever marks stand between its name and its value."""
        return rf"obstacle\W+({'|'.join(self.obstacles)})\b"


class Scope(StrEnum):
    """Whose metric an alert is about."""

    SYSTEM_TOPIC = "Microsoft.EventGrid/systemTopics"
    TOPIC = "Microsoft.EventGrid/topics"


@dataclass(frozen=True)
class Sample:
    """What a metric of a resource type adds up to in the minute that began then."""

    scope: str
    metric: str
    began_at: datetime
    total: int


@dataclass(frozen=True)
class MetricAlert:
    """An alert about a metric of Event Grid: it fires if one period adds up to more."""

    name: str
    text: str
    scope: Scope
    metric: str
    above: int = 0

    def selects(self, sample: Sample) -> bool:
        """Return whether the condition adds a sample up."""
        return (sample.scope, sample.metric) == (self.scope, self.metric)


LOG = (
    LogAlert(
        "A run is not announced",
        "look at the topic, its network and the role EventGrid Data Sender",
        ("Announcement overdue",),
    ),
    LogAlert(
        "Gave up on a message",
        "its run ended, or the sweep asks again",
        (
            "Message reached the retry limit",
            "Message moved to the poison queue",
            "Dropped an unrecognised message",
        ),
    ),
    LogAlert(
        "A run does not move",
        "the sweep asked again and again",
        ("Run does not move",),
        times=3,
    ),
    LogAlert(
        "The timer has stopped",
        "other functions do its work when they are called, a restart of the app starts it",
        ("Timer has stopped",),
    ),
    LogAlert(
        "A run waits for a person",
        "quota, capacity, image, start task, a step that fails, or a service that does not answer",
        ("Run waits",),
        # A run that waits for its tasks, or for its turn, is healthy.
        tuple(code for code in ObstacleCode if code in FAULTS),
    ),
)
METRICS = (
    MetricAlert(
        "fanfare-dead-letter",
        "Event Grid could not deliver a storage event and put it into the container dead-letter; "
        "the hourly sweep starts its run.",
        Scope.SYSTEM_TOPIC,
        "DeadLetteredCount",
    ),
    MetricAlert(
        "fanfare-dropped",
        "Event Grid dropped a storage event; the hourly sweep starts its run.",
        Scope.SYSTEM_TOPIC,
        "DroppedEventCount",
    ),
    MetricAlert(
        "fanfare-untold",
        "Event Grid dropped a completion event, and could not even put it into the container "
        "dead-letter. The run itself is complete.",
        Scope.TOPIC,
        "DroppedEventCount",
    ),
    MetricAlert(
        "fanfare-untaken",
        "A subscriber refused a completion event, or did not take it for a day: it is in the "
        "container dead-letter. The run itself is complete.",
        Scope.TOPIC,
        "DeadLetteredCount",
    ),
    MetricAlert(
        "fanfare-publish",
        "The completion topic refused an event.",
        Scope.TOPIC,
        "PublishFailCount",
    ),
)


def fired(messages: Iterable[str]) -> set[str]:
    """Return the names of the log alerts that fire over the records of a window."""
    times = Counter(found for message in messages if (found := _sorted(message)))
    enough = {alert.name: alert.times for alert in LOG}
    return {name for (name, _run), count in times.items() if count >= enough[name]}


def exceeded(samples: Iterable[Sample], now: datetime) -> set[str]:
    """Return the names of the metric alerts that fire over the period that ends now."""
    recent = [sample for sample in samples if now - PERIOD < sample.began_at <= now]
    return {
        alert.name
        for alert in METRICS
        if sum(sample.total for sample in recent if alert.selects(sample)) > alert.above
    }


def query() -> str:
    """Return the query of the one rule on the log, in KQL: a row for each alert that fires.

    There is one rule, since each is paid. It is split by `alert`, so that each of its values fires
    and is resolved by itself.
    """
    cases = "".join(f'{alert.condition()}, "{alert.name}", ' for alert in LOG)
    often = {alert.name: alert.times for alert in LOG if alert.times > 1}
    by_run = ", ".join(f'"{name}"' for name in often)
    enough = "".join(f'alert == "{name}", {times}, ' for name, times in often.items())
    return (
        f'traces | extend alert = case({cases}"") | where isnotempty(alert)'
        f' | extend run = iff(alert in ({by_run}), extract(@"{_RUN}", 1, message), "")'
        f" | summarize times = count() by alert, run | where times >= case({enough}1)"
    )


def deployed() -> dict[str, object]:
    """Return what the templates deploy, as infra/alerts.json has it."""
    told = " ".join(f"{alert.name}: {alert.text}." for alert in LOG)
    remedy = "fanfare show RUN says which, docs/deploy.md what to do."
    return {
        "log": {
            "severity": SEVERITY,
            "frequency": FREQUENCY,
            "window": WINDOW,
            "text": f"{told} {remedy}",
            "query": query(),
        },
        "metrics": [
            {
                "name": alert.name,
                "severity": SEVERITY,
                "frequency": FREQUENCY,
                "text": alert.text,
                "namespace": str(alert.scope),
                "metric": alert.metric,
                "above": alert.above,
            }
            for alert in METRICS
        ],
    }


def _sorted(message: str) -> tuple[str, str] | None:
    """Return the first alert that selects a record, and its run if the alert counts by run."""
    alert = next((alert for alert in LOG if alert.selects(message)), None)
    if alert is None:
        return None
    run = re.search(_RUN, message) if alert.times > 1 else None
    return alert.name, run[1] if run else ""


def _has(message: str, words: str) -> bool:
    """Return whether a record has these whole words, as `has` of KQL: case does not matter."""
    return re.search(rf"\b{re.escape(words)}\b", message, re.IGNORECASE) is not None
