"""The Functions host with a real app, and its rules without one."""
