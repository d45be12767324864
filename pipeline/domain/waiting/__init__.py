"""Why a run waits: Batch's reports, the obstacle that follows from them, and its remedy. Also what
helps a run that has failed."""
