"""The platform metrics of Event Grid that add up by Total, as Azure's documentation lists them.

Source: "Supported metrics for Microsoft.EventGrid/topics" and ".../systemTopics", which Microsoft
generates from its own API (July 2026): all are sampled every minute, and their aggregation is
Total.
"""

_BOTH = {
    "AdvancedFilterEvaluationCount",
    "DeadLetteredCount",
    "DeliveryAttemptFailCount",
    "DeliverySuccessCount",
    "DroppedEventCount",
    "MatchedEventCount",
    "PublishFailCount",
    "PublishSuccessCount",
    "PublishSuccessLatencyInMs",
    "UnmatchedEventCount",
}
SUPPORTED = {
    "Microsoft.EventGrid/topics": _BOTH,
    "Microsoft.EventGrid/systemTopics": _BOTH | {"ServerDeliverySuccessRate"},
}
