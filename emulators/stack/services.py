"""Builds the command line of each service, and writes the files that it reads."""

import json
import secrets
import sys
from pathlib import Path

from emulators._http import HOST
from emulators.stack.child import ReadyLine
from emulators.stack.config import ServiceName, StackConfig, fill, fill_text
from emulators.stack.errors import StackError
from emulators.stack.files import write_private, write_private_text


class Services:
    """Builds commands from the configuration, the ports and the ready lines of earlier services."""

    def __init__(self, config: StackConfig, data: Path, ports: dict[str, int]) -> None:
        self._config = config
        self._data = data
        self._ports = ports
        self._keys_path = data / "functions" / "keys.json"
        self.known: dict[str, str] = {
            **{
                f"{name}.endpoint": f"http://{HOST}:{ports[name]}"
                for name in ("storage", "eventgrid", "batch", "functions")
            },
            "storage.account": config.account,
            "storage.key": config.storage_key,
            "batch.account": config.batch_account,
            "batch.key": config.batch_key,
            "eventgrid.key": config.eventgrid_key,
        }

    def learn(self, name: str, ready: ReadyLine) -> None:
        """Offer what a service said in its ready line to the placeholders of later services."""
        self.known |= {
            f"{name}.{key}": value for key, value in ready.items() if isinstance(value, str)
        }

    def command(self, name: ServiceName) -> list[str]:
        """Return the command line of a service, and write the files that it reads."""
        specific = {
            "storage": self._storage,
            "eventgrid": self._eventgrid,
            "batch": self._batch,
            "functions": self._functions,
        }[name]()
        return [
            *self._config.programs.get(name, [sys.executable, "-m", f"emulators.{name}"]),
            "--port", str(self._ports[name]),
            "--data", str(self._data / name),
            "--profile", self._config.profile, "--seed", str(self._config.seed),
            *specific,
            *self._config.options.get(name, []),
        ]  # fmt: skip

    def _storage(self) -> list[str]:
        ports = [
            part
            for service in ("blob", "queue", "table")
            for part in (f"--{service}-port", str(self._ports[f"storage.{service}"]))
        ]
        secret = self._secret("storage", "--key", self._config.storage_key)
        return ["--account", self._config.account, secret, *ports, *self._lifecycle()]

    def _lifecycle(self) -> list[str]:
        if not self._config.lifecycle:
            return []
        path = self._data / "lifecycle.json"
        write_private(path, self._config.lifecycle)
        return ["--lifecycle", str(path)]

    def _eventgrid(self) -> list[str]:
        self._ensure_function_keys()
        path = self._data / "eventgrid-config.json"
        document = fill(self._config.eventgrid, self.known)
        write_private(path, document if isinstance(document, dict) else {})
        return [
            "--config", str(path),
            "--storage-outbox", self.known["storage.outbox"],
            self._secret(
                "eventgrid",
                "--storage-connection", self.known["storage.connection_string"],
                "--key", self._config.eventgrid_key,
            ),
            "--time-scale", str(self._config.eventgrid_time_scale),
        ]  # fmt: skip

    def _batch(self) -> list[str]:
        path = self._data / "identities.json"
        account = {
            "account": self._config.account,
            "key": self._config.storage_key,
            "blobEndpoint": self.known["storage.blob"],
        }
        write_private(path, {identity: account for identity in self._config.identities})
        secret = self._secret("batch", "--key", self._config.batch_key)
        return ["--account", self._config.batch_account, secret, "--identities", str(path)]

    def _secret(self, name: ServiceName, *arguments: str) -> str:
        """Put arguments into a private file: every user of the machine sees a command line."""
        path = self._data / f"{name}-arguments.txt"
        write_private_text(path, "".join(f"{argument}\n" for argument in arguments))
        return f"@{path}"

    def _functions(self) -> list[str]:
        self._ensure_function_keys()
        path = self._data / "functions-settings.json"
        values = {name: fill_text(text, self.known) for name, text in self._config.settings.items()}
        write_private(path, {"IsEncrypted": False, "Values": values})
        return [
            "--app", str(self._config.app),
            "--settings", str(path),
            "--keys", str(self._keys_path),
            "--clock-scale", str(self._config.clock_scale),
            *self._waking(),
        ]  # fmt: skip

    def _waking(self) -> list[str]:
        """Let outputs, and the doorbell of a storage that has one, wake listeners; Azure does
        not."""
        if not self._config.wake:
            return []
        path = self.known.get("storage.doorbell")
        return ["--wake", *(["--doorbell", path] if path else [])]

    def _ensure_function_keys(self) -> None:
        """Create the keys that others need before the host has started; the host adds its own."""
        try:
            document = json.loads(self._keys_path.read_text("utf-8"))
        except FileNotFoundError:
            document = {
                "master": secrets.token_urlsafe(40),
                "host": {"default": secrets.token_urlsafe(40)},
                "system": {"eventgrid_extension": secrets.token_urlsafe(40)},
            }
            write_private(self._keys_path, document)
        except (OSError, ValueError) as error:
            raise StackError(f"{self._keys_path} is damaged: delete it to get new keys.") from error
        self.known |= {
            "functions.master_key": document["master"],
            "functions.host_key": document["host"]["default"],
            "functions.eventgrid_key": document["system"]["eventgrid_extension"],
        }
