"""How things look on a terminal: renderables only, nothing is read or decided here."""
