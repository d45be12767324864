"""Jobs, job schedules and tasks as requests change them, and the pools that come with a job."""
