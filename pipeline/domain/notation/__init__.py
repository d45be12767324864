"""Small languages and texts: durations, schedules, placeholders, JSON arrays, spelling."""
