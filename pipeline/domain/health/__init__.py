"""What `fanfare doctor` judges: each reading becomes a finding with the command that fixes it."""
