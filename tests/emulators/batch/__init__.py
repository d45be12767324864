"""The Batch emulator, in the folders of its package; `clients` and `lives` test it as a whole."""
