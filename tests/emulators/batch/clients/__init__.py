"""Clients of other makes, which tell one story; each is a program of its own."""
