"""The queue trigger and the queue output: polling, hiding, poison queues, faults on purpose."""
