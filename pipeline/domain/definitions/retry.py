"""How many retries failed work gets, by the cause of its failure."""

from pydantic import ConfigDict, Field

from pipeline.domain.definitions.types import Strict
from pipeline.domain.runs.causes import Cause


class Retries(Strict):
    """How many retries each cause of failure gets; the keys are causes."""

    model_config = ConfigDict(alias_generator=lambda name: name.replace("_", "-"))

    program_failed: int = Field(default=0, ge=0, le=20)
    out_of_memory: int | None = Field(default=None, ge=0, le=20)
    out_of_disk: int = Field(default=0, ge=0, le=20)
    timed_out: int = Field(default=0, ge=0, le=20)
    node_lost: int = Field(default=3, ge=0, le=20)
    program_missing: int = Field(default=0, ge=0, le=20)
    download_failed: int = Field(default=2, ge=0, le=20)
    upload_failed: int = Field(default=1, ge=0, le=20)
    output_lost: int = Field(default=1, ge=0, le=20)
    receipt_invalid: int = Field(default=1, ge=0, le=20)
    preparation_failed: int = Field(default=2, ge=0, le=20)
    image_missing: int = Field(default=0, ge=0, le=20)
    gpu_missing: int = Field(default=1, ge=0, le=20)
    input_missing: int = Field(default=0, ge=0, le=20)
    output_unusable: int = Field(default=0, ge=0, le=20)

    def extra(self, cause: Cause) -> int:
        """Return how many retries a failure with this cause gets.

        Without a number of its own, a lack of memory gets those of a program that failed: it was
        counted among these before it had a name.
        """
        if cause is Cause.OUT_OF_MEMORY and self.out_of_memory is None:
            cause = Cause.PROGRAM_FAILED
        return int(getattr(self, cause.name.lower(), 0))
