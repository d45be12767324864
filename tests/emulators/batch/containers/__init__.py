"""Container tasks, through whatever engine this machine has."""
