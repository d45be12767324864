"""The subcommands: one file for each group."""
