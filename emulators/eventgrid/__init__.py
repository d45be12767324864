"""Event Grid on this machine: topics, subscriptions, filters, retries and dead letters."""
