"""How the machine of a node is secured: how it boots, and which of its disks are encrypted. Pure.

The rules are those of https://learn.microsoft.com/azure/batch/disk-encryption (October 2026) and
https://learn.microsoft.com/azure/virtual-machines/trusted-launch. What only the region knows of a
size, `fanfare preflight` asks.
"""

import re
from enum import StrEnum
from typing import Annotated, Self

from pydantic import model_validator

from pipeline.domain.definitions.types import OneOrMore, Strict

_A_SERIES = re.compile(r"(?:(?:standard|basic)_)?a\d.*", re.IGNORECASE)
# Offer and SKU of images that start as generation 1: Canonical gave generation 2 a suffix at first,
# and since 24.04 generation 1.
_GENERATION_1 = re.compile(
    r".*gen1|0001-com-ubuntu-server-[a-z]+ (?!.*(?:gen2|arm64)).*", re.IGNORECASE
)


class DiskTarget(StrEnum):
    """A disk of a node that Batch encrypts on demand."""

    OS = "os"
    TEMPORARY = "temporary"

    @property
    def batch(self) -> str:
        """The name in Batch, in small letters as the data plane has it."""
        return f"{self}disk"


class Security(Strict):
    """How the nodes of a pool boot, and what encrypts their disks."""

    trusted_launch: bool = False
    secure_boot: bool = True
    encryption_at_host: bool = False
    disk_encryption: Annotated[tuple[DiskTarget, ...], OneOrMore] = ()

    @model_validator(mode="after")
    def _something_is_secured(self) -> Self:
        if "secure_boot" in self.model_fields_set and not self.trusted_launch:
            raise ValueError("secure_boot is for trusted_launch: true")
        if self.disk_encryption and DiskTarget.TEMPORARY not in self.disk_encryption:
            raise ValueError(
                "os alone encrypts nothing more, since Azure encrypts the OS disk of every node: "
                "add temporary"
            )
        return self

    def objection(self, size: str, offer: str, sku: str, driver: bool) -> str | None:
        """Say why such machines cannot be secured so; `driver` is whether they load NVIDIA's."""
        if _A_SERIES.fullmatch(size) and (self.trusted_launch or self.disk_encryption):
            return f"{size} has neither trusted launch nor disk encryption: choose another size"
        if self.trusted_launch and _GENERATION_1.fullmatch(f"{offer} {sku}"):
            return f"trusted_launch needs an image of generation 2, which {offer} {sku} is not"
        if self.trusted_launch and self.secure_boot and driver:
            return (
                "secure boot loads no driver of NVIDIA, which nobody signs on the node: "
                "add secure_boot: false"
            )
        return None

    def configuration(self) -> dict[str, object]:
        """Return the properties of a machine's configuration that say this, in Batch's shape.

        What is not asked for is left out: Batch then chooses how it encrypts the temporary disk,
        and takes encryption at host wherever the size has it.
        """
        profile: dict[str, object] = {}
        if self.trusted_launch:
            profile["securityType"] = "trustedLaunch"
            profile["uefiSettings"] = {"secureBootEnabled": self.secure_boot, "vTpmEnabled": True}
        if self.encryption_at_host:
            profile["encryptionAtHost"] = True
        targets = [each.batch for each in DiskTarget if each in self.disk_encryption]
        return {
            **({"securityProfile": profile} if profile else {}),
            **({"diskEncryptionConfiguration": {"targets": targets}} if targets else {}),
        }
