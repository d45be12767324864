"""Programs of the pipeline stress-analysis: solve a plate with a hole, draw the curve of all."""
