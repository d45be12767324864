"""The verbs: what requests and passing time do to the model, one folder a subject.

From the inside out. Blank lines separate layers; each layer knows only those before it, and its
members do not know one another. The layers contract in pyproject.toml says the same.

  machine, pace   what a machine can do, how long the passing states take

  context         what all verbs work with

  machines        what runs commands: processes, containers, or emulated time alone
  nodes           the life of nodes, the commands beside tasks, the files that lie there

  running         tasks from the queue to their verdict, and what the end of one causes

  pools           pools and their size: by hand, by formula, by quota, by the spot market

  jobs            jobs, job schedules, tasks and auto pools, as requests change them

  emulator        all verbs over one account, and how a new process continues their work
"""
