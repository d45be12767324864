"""Jobs, job schedules and auto pools through the client."""
