"""The timer trigger: schedules, and what the host remembers of a timer between two lives."""
