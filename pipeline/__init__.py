"""The engine. Start with `handlers/`: it says what happens at each event; the rest serves it.

domain/    pure decisions and values        ports/     what the engine needs of the world
ledger/    runs, tasks, progress as rows    adapters/  Azure behind the ports
handlers/  parse, decide, act               bootstrap  settings to a working engine
cli/       how people look and steer
"""

__version__ = "0.2.0"
