"""What a month without a run costs, and what a run's control plane costs."""
