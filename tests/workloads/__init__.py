"""The programs of the pipelines that Fanfare ships, run as on a node and checked by a truth."""
