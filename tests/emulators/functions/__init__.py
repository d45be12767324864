"""The Functions host around a real app, and its rules without one."""
