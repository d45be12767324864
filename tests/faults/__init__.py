"""Faults that are seeded on purpose: is each one told, and does the printed remedy cure it?"""
