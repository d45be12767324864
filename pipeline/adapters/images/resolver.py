"""The images port: this machine's engine first where the stack is local, then the registry."""

from pipeline.adapters.identity.credentials import identity
from pipeline.adapters.images import engine, logins
from pipeline.adapters.images.registry import Registries
from pipeline.errors import ImageRefused
from pipeline.ports.images import ImageFacts
from pipeline.settings import Settings

_THIS_MACHINE = "localhost/"  # how engines name what they built themselves
_SCOPE = "https://containerregistry.azure.net/.default"


class AzureImages:
    """Resolves names of images."""

    def __init__(self, registries: Registries, *, local: bool) -> None:
        self._registries, self._local = registries, local

    def resolve(self, image: str) -> ImageFacts:
        """Return what an image's name stands for now. Raises ImageRefused and Transient."""
        found = engine.find(image) if self._local else None
        if found is None and image.startswith(_THIS_MACHINE):
            raise ImageRefused(
                f"{image} is in no registry, and the container engine of this machine does not "
                "have it: build it, or pull it and give it this name."
            )
        return found or self._registries.resolve(image)


def connect(settings: Settings) -> AzureImages:
    """Resolve as this machine's user on a local stack, and else as the app's identity."""
    if settings.local:
        return AzureImages(Registries(logins.of_files(settings.registry_logins)), local=True)

    def token() -> str:
        return identity(settings.client_id).get_token(_SCOPE).token

    return AzureImages(Registries(logins.of_identity(token)), local=False)
