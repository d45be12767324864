"""The queue trigger: its rules, and real messages through a real host."""
