"""The ports over Azure: the only importers of azure.*. SDK errors are translated here."""
