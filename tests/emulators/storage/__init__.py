"""The storage emulator: Azurite with its outbox."""
