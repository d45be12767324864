"""Event Grid for the local stack: topics, subscriptions, filters, retries, dead letters."""
