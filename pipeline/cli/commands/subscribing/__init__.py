"""The commands about completion events: who gets them, and what came."""
