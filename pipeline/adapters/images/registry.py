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
_KINDS = (*_INDEXES, *_MANIFESTS)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_HUB, _HUB_API = "docker.io", "registry-1.docker.io"
_TIMEOUT_S, _MOST = 15, 4 << 20
_LOCAL = frozenset({"localhost", "127.0.0.1"})
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_OK, _UNAUTHORIZED, _BUSY, _ERRORS = 200, 401, 429, 500


@dataclass(frozen=True)
class _Answer:
    """What a registry answered, up to a limit."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes

    def json(self, where: str) -> Json:
        """Read the body. Raises ImageRefused if it is not what a registry answers."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise ImageRefused(f"{where} answered what no registry answers.")
        return found

    @property
    def words(self) -> str:
        """What the registry says of an error, on one line."""
        try:
            (first, *_) = json.loads(self.body)["errors"]
            text = f"{first.get('code', '')} {first.get('message', '')}"
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            text = self.reason
        return "".join(c for c in " ".join(text.split()) if c.isprintable())[:300]


class Registries:
    """Resolves tags by asking registries.

    `credentials` returns a user and password for a host, or None. What a digest stands for never
    changes, so it is asked for once; a registry may count each such question as a pull.
    """

    def __init__(self, credentials: Callable[[str], Credentials | None]) -> None:
        self._credentials = credentials
        self._known: dict[str, ImageFacts] = {}

    def resolve(self, image: str) -> ImageFacts:
        """Return what an image's name stands for now. Raises ImageRefused and Transient."""
        parts = parts_of(image)
        conversation = _Conversation(parts, self._credentials(parts.registry))
        digest = parts.digest or conversation.digest(parts.tag)
        known = self._known.get(f"{parts.registry}/{parts.path}@{digest}")
        if known:
            return known
        found = _facts(conversation, parts, digest or parts.tag)
        self._known[found.reference] = found
        return found


def _facts(conversation: "_Conversation", parts: ImageParts, named: str) -> ImageFacts:
    top = conversation.get(f"manifests/{named}", _KINDS)
    digest = f"sha256:{hashlib.sha256(top.body).hexdigest()}"
    if named.startswith("sha256:") and named != digest:
        raise ImageRefused(f"{parts.registry} answered another image than {parts}.")
    document = top.json(parts.registry)
    reference = f"{parts.registry}/{parts.path}@{digest}"
    if "manifests" not in document:
        config = conversation.config(document)
        built = frozenset({str(config.get("architecture", ""))})
        return ImageFacts(reference, digest, built, _path(config))
    builds = _builds(document)
    chosen = builds.get("amd64") or next(iter(builds.values()), None)
    if chosen is None:
        raise ImageRefused(f"{parts} has no build for Linux.")
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

    def digest(self, tag: str) -> str:
        """Return the digest that a tag stands for, or "" if the registry does not say it so."""
        found = self._ask("HEAD", f"manifests/{tag}", _KINDS)
        digest = found.headers.get("Docker-Content-Digest", "") if found.status == _OK else ""
        return digest if _DIGEST.fullmatch(digest) else ""

    def get(self, path: str, kinds: tuple[str, ...] = ()) -> _Answer:
        """Read a manifest or a blob. Raises ImageRefused and Transient."""
        answer = self._ask("GET", path, kinds)
        if answer.status != _OK:
            raise self._refusal(answer)
        return answer

    def config(self, manifest: Json) -> Json:
        """Read the configuration that a manifest names."""
        named = manifest.get("config")
        digest = str(named.get("digest", "")) if isinstance(named, dict) else ""
        if not _DIGEST.fullmatch(digest):
            raise ImageRefused(f"{self._image} is no container image.")
        return self.get(f"blobs/{digest}").json(self._registry)

    def _ask(self, method: str, path: str, kinds: tuple[str, ...]) -> _Answer:
        accepted = {"Accept": ", ".join(kinds)} if kinds else {}
        url = f"{self._root}/{path}"
        answer = self._send(method, url, headers={**self._headers, **accepted})
        if answer.status == _UNAUTHORIZED and not self._headers:
            self._sign_in(answer.headers.get("WWW-Authenticate", ""))
            answer = self._send(method, url, headers={**self._headers, **accepted})
        return answer

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
            answer = self._send("GET", realm, params=asked, auth=self._own)
            if answer.status != _OK:
                raise self._refusal(answer)
            found = answer.json(self._registry)
            token = str(found.get("token") or found.get("access_token") or "")
            self._headers = {"Authorization": f"Bearer {token}"}

    def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        auth: Credentials | None = None,
    ) -> _Answer:
        """Ask, and read the answer up to a limit. Raises ImageRefused and Transient."""
        body = b""
        try:
            with requests.request(
                method,
                url,
                headers=headers,
                params=params,
                auth=auth,
                timeout=_TIMEOUT_S,
                stream=True,
                allow_redirects=True,
            ) as answer:
                for chunk in answer.iter_content(64 << 10):
                    body += chunk
                    if len(body) > _MOST:
                        raise ImageRefused(f"{self._registry} answered more than {_MOST:,} bytes.")
                return _Answer(answer.status_code, answer.reason or "", answer.headers, body)
        except requests.RequestException as error:
            reason = type(error).__name__
            raise Transient(f"The registry {self._registry} does not answer: {reason}.") from error

    def _refusal(self, answer: _Answer) -> Exception:
        text = f"{self._registry} answered {answer.status} for {self._image}: {answer.words}"
        if answer.status == _BUSY or answer.status >= _ERRORS:
            return Transient(text)
        return ImageRefused(text)


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
