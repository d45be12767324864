"""The files of a task: how they come, are cut, packed, and kept from links and names."""
