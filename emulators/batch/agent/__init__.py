"""The node agent: a separate process that starts the processes of tasks and ends whole trees of
them."""
