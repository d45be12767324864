"""The timer trigger: its rules, and timers of a real host."""
