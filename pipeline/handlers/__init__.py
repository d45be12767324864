"""What happens at each event. The rooms follow the life of a run.

doors/       the ways in: queues, HTTP, timers
starting/    claims, schedules, lost events, concurrency limits
planning/    pin the input, split, write pages, publish
running/     jobs, tasks, programs on nodes, demand of pools
collecting/  receipts, results, counts
assembling/  assemble the output, commit it
ending/      verdict, announcement, cancel, redrive
mending/     find and resend what was lost
keeping/     delete what is old; rebuild a lost ledger
engine       what every handler gets
onward       what an invocation goes on with
"""
