"""Programs of the pipeline face-match: find and measure faces, group those of the same person."""
