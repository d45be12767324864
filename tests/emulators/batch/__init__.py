"""The Batch emulator, folder by folder of its package; `clients` and `lives` take it as a whole."""
