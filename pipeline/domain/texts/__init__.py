"""What a text is: its encoding, its records, the fields of a table, and strict JSON.

Splits and assemblers share these meanings; docs/pipelines.md lists them for users.
"""
