"""Programs of the pipeline option-pricing: price contracts over paths, report the prices."""
