"""What `fanfare dev` does: it tells of saved files, of problems in them, and of runs."""
