"""What happens at each event. The rooms follow the life of a run.

doors/       what comes in: queues, HTTP, timers
starting/    claims, schedules, lost events, concurrency limits
planning/    pin the input, split, write pages, publish
running/     jobs, tasks, programs on nodes, demand of pools
collecting/  receipts, results, counts
assembling/  put the output together, commit it
ending/      verdict, announcement, cancel, redrive
mending/     what any arrow lost
engine       what every handler is given
"""
