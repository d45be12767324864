"""What the engine itself runs on a node: it prepares packages, runs programs, reports results."""
