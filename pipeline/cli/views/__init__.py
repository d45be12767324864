"""How things look on a terminal. Makes renderables; reads and decides nothing."""
