"""The project that a command works on: definitions, programs, and the data of its local stack."""
