"""Reads from registries which image a tag stands for: the API that all of them speak.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md; tokens as in
https://distribution.github.io/distribution/spec/auth/token/. A registry is a stranger: what it
answers is read up to a limit, and it gets no credentials but its own.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests

from pipeline.domain.definitions.images import ImageParts, parts_of
from pipeline.errors import ImageRefused, Transient
from pipeline.ports.images import ImageFacts

type Json = Mapping[str, object]
type Credentials = tuple[str, str]

_INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_HUB, _HUB_API = "docker.io", "registry-1.docker.io"
_TIMEOUT_S, _MOST = 15, 4 << 20
_LOCAL = frozenset({"localhost", "127.0.0.1"})
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_OK, _UNAUTHORIZED, _BUSY, _ERRORS = 200, 401, 429, 500


@dataclass(frozen=True)
class _Answer:
    """The body of an answer, and its type."""

    body: bytes
    kind: str

    def json(self, where: str) -> Json:
        """Read the body. Raises ImageRefused if it is not what a registry answers."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise ImageRefused(f"{where} answered what no registry answers.")
        return found


class Registries:
    """Resolves tags by asking registries.

    `credentials` returns a user and password for a host, or None.
    """

    def __init__(self, credentials: Callable[[str], Credentials | None]) -> None:
        self._credentials = credentials

    def resolve(self, image: str) -> ImageFacts:
        """Return what an image's name stands for now. Raises ImageRefused and Transient."""
        parts = parts_of(image)
        conversation = _Conversation(parts, self._credentials(parts.registry))
        top = conversation.get(f"manifests/{parts.digest or parts.tag}", (*_INDEXES, *_MANIFESTS))
        digest = f"sha256:{hashlib.sha256(top.body).hexdigest()}"
        if parts.digest and parts.digest != digest:
            raise ImageRefused(f"{parts.registry} answered another image than {image}.")
        document = top.json(parts.registry)
        reference = f"{parts.registry}/{parts.path}@{digest}"
        if "manifests" not in document:
            config = conversation.config(document)
            built = frozenset({str(config.get("architecture", ""))})
            return ImageFacts(reference, digest, built, _path(config))
        builds = _builds(document)
        chosen = builds.get("amd64") or next(iter(builds.values()), None)
        if chosen is None:
            raise ImageRefused(f"{image} has no build for Linux.")
        config = conversation.config(
            conversation.get(f"manifests/{chosen}", _MANIFESTS).json(parts.registry)
        )
        return ImageFacts(reference, digest, frozenset(builds), _path(config))


class _Conversation:
    """Requests about one repository, with the token that the registry asks for."""

    def __init__(self, parts: ImageParts, credentials: Credentials | None) -> None:
        host = _HUB_API if parts.registry == _HUB else parts.registry
        scheme = "http" if (urlsplit(f"//{host}").hostname or "") in _LOCAL else "https"
        self._root = f"{scheme}://{host}/v2/{parts.path}"
        self._registry, self._image, self._own = parts.registry, str(parts), credentials
        self._headers: dict[str, str] = {}

    def get(self, path: str, kinds: tuple[str, ...] = ()) -> _Answer:
        """Read a manifest or a blob. Raises ImageRefused and Transient."""
        url = f"{self._root}/{path}"
        answer = self._ask(url, {"Accept": ", ".join(kinds)} if kinds else {})
        if answer.status_code == _UNAUTHORIZED and not self._headers:
            self._sign_in(answer.headers.get("WWW-Authenticate", ""))
            answer = self._ask(url, {"Accept": ", ".join(kinds)} if kinds else {})
        if answer.status_code != _OK:
            raise self._refusal(answer)
        return _Answer(_read(answer, self._registry), answer.headers.get("Content-Type", ""))

    def config(self, manifest: Json) -> Json:
        """Read the configuration that a manifest names."""
        named = manifest.get("config")
        digest = str(named.get("digest", "")) if isinstance(named, dict) else ""
        if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
            raise ImageRefused(f"{self._image} is no container image.")
        return self.get(f"blobs/{digest}").json(self._registry)

    def _ask(self, url: str, headers: Mapping[str, str]) -> requests.Response:
        return _request(self._registry, url, headers={**self._headers, **headers})

    def _sign_in(self, challenge: str) -> None:
        """Get what the registry's challenge asks for: a token, or the credentials themselves."""
        scheme, _, rest = challenge.partition(" ")
        if scheme.lower() == "basic" and self._own:
            basic = requests.auth._basic_auth_str(*self._own)
            self._headers = {"Authorization": basic}
        elif scheme.lower() == "bearer":
            asked = dict(_CHALLENGE.findall(rest))
            realm = asked.pop("realm", "")
            parts = urlsplit(realm)
            if parts.scheme != "https" and (parts.hostname or "") not in _LOCAL:
                raise ImageRefused(f"{self._registry} sends callers to {realm[:100]!r} for tokens.")
            answer = _request(self._registry, realm, params=asked, auth=self._own)
            if answer.status_code != _OK:
                raise self._refusal(answer)
            found = _Answer(_read(answer, self._registry), "").json(self._registry)
            token = str(found.get("token") or found.get("access_token") or "")
            self._headers = {"Authorization": f"Bearer {token}"}

    def _refusal(self, answer: requests.Response) -> Exception:
        words = _words(answer)
        text = f"{self._registry} answered {answer.status_code} for {self._image}: {words}"
        if answer.status_code == _BUSY or answer.status_code >= _ERRORS:
            return Transient(text)
        return ImageRefused(text)


def _request(registry: str, url: str, **more: object) -> requests.Response:
    try:
        return requests.get(url, timeout=_TIMEOUT_S, stream=True, **more)  # type: ignore[arg-type]
    except requests.RequestException as error:
        raise Transient(
            f"The registry {registry} does not answer: {type(error).__name__}."
        ) from error


def _read(answer: requests.Response, registry: str) -> bytes:
    body = b""
    try:
        for chunk in answer.iter_content(64 << 10):
            body += chunk
            if len(body) > _MOST:
                raise ImageRefused(f"{registry} answered more than {_MOST:,} bytes.")
    except requests.RequestException as error:
        raise Transient(f"{registry} ended its answer early.") from error
    return body


def _words(answer: requests.Response) -> str:
    """Return what a registry says of an error, on one line."""
    try:
        (first, *_) = json.loads(_read(answer, ""))["errors"]
        text = f"{first.get('code', '')} {first.get('message', '')}"
    except (ValueError, KeyError, TypeError, AttributeError, ImageRefused, Transient):
        text = answer.reason or ""
    return "".join(c for c in " ".join(text.split()) if c.isprintable())[:300]


def _builds(index: Json) -> dict[str, str]:
    """Return the digest of each Linux build, by its architecture."""
    found: dict[str, str] = {}
    listed = index.get("manifests")
    for entry in listed if isinstance(listed, list) else ():
        platform = entry.get("platform") if isinstance(entry, dict) else None
        if isinstance(platform, dict) and platform.get("os") == "linux":
            found.setdefault(str(platform.get("architecture", "")), str(entry.get("digest", "")))
    return found


def _path(config: Json) -> str:
    """Return the PATH of an image's configuration."""
    own = config.get("config")
    variables = own.get("Env") if isinstance(own, dict) else None
    for variable in variables if isinstance(variables, list) else ():
        name, _, value = str(variable).partition("=")
        if name == "PATH" and value.isprintable():
            return value[:4096]
    return ""
