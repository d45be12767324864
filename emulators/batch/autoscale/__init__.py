"""The autoscale formula language as a library: parse a formula, evaluate it for given samples and
a given time.

    from emulators.batch.autoscale.evaluate import Situation, evaluate
    from emulators.batch.autoscale.grammar import parse

    outcome = evaluate(parse("$TargetDedicatedNodes = 3;"), Situation(now=datetime.now(UTC)))

Nothing here knows of pools, files or sockets.
"""
