"""Brings packages to nodes: once a node, however many tasks want a package."""

import asyncio
from pathlib import Path

from emulators.batch.document import Doc
from emulators.batch.packages.catalogue import Catalogue, Package, variables
from emulators.batch.packages.unpack import BadPackage, unpack
from emulators.batch.scheduler.verdict import Failure


class Deployment:
    """Finds, unpacks and names the packages that references mean."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._locks: dict[Path, asyncio.Lock] = {}

    async def bring(self, references: list[Doc], root: Path) -> Failure | None:
        """Unpack every package below the root of a node, or return which one fails."""
        for reference in references:
            package = self._catalogue.find(reference)
            if package is None:
                return _failed(reference, "There is no such package, or no default version.")
            target = root / package.folder
            try:
                async with self._locks.setdefault(target, asyncio.Lock()):
                    await asyncio.to_thread(unpack, package.archive, target)
            except BadPackage as error:
                return _failed(reference, str(error))
        return None

    def variables(self, references: list[Doc], root: Path) -> dict[str, str]:
        """Return the variables that name the folders of the packages."""
        found: list[Package | None] = [self._catalogue.find(one) for one in references]
        return variables((one for one in found if one is not None), root)


def _failed(reference: Doc, reason: str) -> Failure:
    return Failure(
        "ApplicationPackageError",
        "An application package could not be brought to the node",
        details={
            "ApplicationId": str(reference.get("applicationId")),
            "Version": str(reference.get("version") or ""),
            "Message": reason,
        },
    )
