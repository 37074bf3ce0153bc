"""One request to the REST door: what was sent, decoded, and who is to own the fields it writes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from sandbox.world.kube_apply import Manager
from sandbox.world.kube_errors import bad_request, no_such_path, unsupported_media_type
from sandbox.world.kube_paths import ResourcePath
from sandbox.world.kube_resources import ResourceType

JSON_TYPE = "application/json"
_READABLE = (JSON_TYPE, "application/yaml")


@dataclass(frozen=True, slots=True)
class Request:
    """A request that names a served resource. `body` is decoded JSON or YAML, None where none was sent."""

    method: str
    path: ResourcePath
    kind: ResourceType
    query: Mapping[str, str]
    content_type: str
    agent: str
    body: Any
    user: str

    @property
    def writer(self) -> str:
        """The field manager of a plain write: as given, or the program's name out of User-Agent."""
        return self.query.get("fieldManager") or self.agent.partition("/")[0] or "unknown"

    @property
    def is_forced(self) -> bool:
        return self.query.get("force", "").lower() in ("true", "1")

    @property
    def is_dry_run(self) -> bool:
        return self.query.get("dryRun") == "All"

    def manager(self, operation: str = "Update") -> Manager:
        """Who will own what this request writes."""
        return Manager(self.writer, operation, self.kind.api_version, self.path.subresource)

    def object_body(self) -> dict[str, Any]:
        """The body as an object of this request's type, named and placed as the URL says. Raises 400."""
        body = self.body
        if not isinstance(body, dict) or not isinstance(body.get("metadata", {}), dict):
            raise bad_request("the object provided is unrecognized (must be of type " + self.kind.kind + ")")
        sent = (body.get("apiVersion", self.kind.api_version), body.get("kind", self.kind.kind))
        if sent != (self.kind.api_version, self.kind.kind):
            raise bad_request(
                f"the API version and kind in the data ({sent[0]}, {sent[1]}) do not match the expected ones "
                f"({self.kind.api_version}, {self.kind.kind})"
            )
        return {**canonical(body), "metadata": self._placed(dict(body.get("metadata", {})))}

    def _placed(self, metadata: dict[str, Any]) -> dict[str, Any]:
        name, namespace = self.path.name, self.path.namespace
        if name and metadata.get("name", name) != name:
            given = metadata["name"]
            raise bad_request(f"the name of the object ({given}) does not match the name on the URL ({name})")
        if namespace and metadata.get("namespace", namespace) != namespace:
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
        if name:
            metadata["name"] = name
        if self.kind.namespaced:
            metadata["namespace"] = namespace
        else:
            metadata.pop("namespace", None)
        return metadata


def canonical(value: Any, field: str = "") -> Any:
    """The body with resource quantities as strings, the form the API server keeps them in."""
    if isinstance(value, dict):
        if field in ("limits", "requests"):
            return {k: str(v) for k, v in value.items()}
        return {k: canonical(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [canonical(v) for v in value]
    return value


def decode(body: Any, content_type: str) -> Any:
    """The body out of its bytes; what is decoded already passes. Raises 400 and 415."""
    if not isinstance(body, bytes | str) or not body:
        return body or None
    plain = content_type.partition(";")[0].strip()
    try:
        if plain in ("", JSON_TYPE) or plain.endswith("+json"):
            return json.loads(body)
        if plain.endswith("yaml"):
            return yaml.safe_load(body)
    except (ValueError, yaml.YAMLError) as error:
        raise bad_request(f"error decoding the body of the request: {error}") from error
    raise unsupported_media_type(plain, _READABLE)


def located(kind: ResourceType | None, path: ResourcePath) -> ResourceType:
    """The type, once the path fits it: a namespaced object needs its namespace, a subresource must exist."""
    if kind is None or (path.subresource and path.subresource not in kind.subresources):
        raise no_such_path()
    if (path.namespace and not kind.namespaced) or (path.name and kind.namespaced and not path.namespace):
        raise no_such_path()
    return kind


def success(kind: ResourceType, name: str, uid: str = "") -> dict[str, Any]:
    """The Status of a delete that is done."""
    details = {"name": name, "kind": kind.plural, "uid": uid}
    if kind.group:
        details["group"] = kind.group
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
