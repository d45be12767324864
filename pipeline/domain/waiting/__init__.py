"""Why a run waits: what Batch reports, which obstacle follows from it, and what to do about it."""
