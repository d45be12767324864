"""The timer trigger: schedules, and what the host remembers of a timer after a restart."""
