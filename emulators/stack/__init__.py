"""Starts the four emulators as child processes, keeps them running, and stops them together.

It knows only their command lines and their ready lines.
"""
