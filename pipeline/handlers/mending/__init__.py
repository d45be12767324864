"""What the sweep does: compare each run with the world, and send again what was lost."""
