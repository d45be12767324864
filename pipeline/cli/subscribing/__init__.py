"""Who is told of ended runs: what a subscription asks for, and the events that readers get."""
