"""The verbs: what requests and passing time do to the model, in one room a subject.

From the top, each room knowing only what stands below it:
  emulator         all verbs over one account, and how they take up the work of their last life
  jobs             jobs, job schedules, tasks and auto pools, as requests change them
  pools            pools and their size: by hand, by formula, by quota, by the spot market
  running          tasks from the queue to their verdict, and what the end of one brings about
  nodes            the life of nodes, the commands beside tasks, the files that lie there
  machines         what carries commands out: processes, containers, or emulated time alone
  context          what all of them work with
  machine, pace    what a machine can do, and how long the passing states take
"""
