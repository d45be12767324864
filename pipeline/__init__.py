"""The engine. Read `handlers/` for what happens at each event; everything else serves it.

domain/    pure decisions and values        ports/     what the engine needs of the world
ledger/    runs, tasks, progress as rows    adapters/  Azure behind the ports
handlers/  parse, decide, act               bootstrap  settings to a working engine
cli/       how people look and steer
"""
