"""Clients of other makers, which all tell one story; each is a separate program."""
