"""How planned work reaches nodes: jobs, tasks, programs, stages, repetitions, demand."""
