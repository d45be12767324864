"""How planned work reaches nodes: jobs, tasks, programs, stages, further executions, demand."""
