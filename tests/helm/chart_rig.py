"""The chart, the helm command, and what it rendered as parsed manifests."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).resolve().parents[2] / "helm" / "raygpu"
TIMEOUT_S = 60
# The two values that have no default; every table of the tests stands on them.
LEAST = {"image": {"repository": "registry.example/raygpu"}, "slack": {"existingSecret": "raygpu-slack"}}

Manifest = dict[str, Any]


class ChartRefused(Exception):
    """helm would not render; the text is what it wrote."""


class Helm:
    """The command, with a home of its own so that nobody's repositories and plugins matter."""

    def __init__(self, path: Path, home: Path) -> None:
        self._path = path
        self._env = {
            "PATH": os.environ["PATH"],
            **{f"HELM_{kind}_HOME": str(home / kind) for kind in ("CACHE", "CONFIG", "DATA")},
        }

    def run(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """One call, its output as text."""
        command = [str(self._path), *words]
        return subprocess.run(
            command, input=stdin, env=self._env, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )


class Rendered:
    """The manifests of one rendering, by kind and name."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.manifests: list[Manifest] = [each for each in yaml.safe_load_all(text) if each]

    def names(self, kind: str) -> list[str]:
        """The names of that kind's objects, sorted."""
        return sorted(each["metadata"]["name"] for each in self.manifests if each["kind"] == kind)

    def kinds(self) -> set[str]:
        """Which kinds there are."""
        return {each["kind"] for each in self.manifests}

    def one(self, kind: str, name: str = "raygpu") -> Manifest:
        """The object of that kind and name; fails when there is not exactly one."""
        (found,) = [each for each in self.manifests if (each["kind"], each["metadata"]["name"]) == (kind, name)]
        return found

    def pod(self, name: str = "raygpu") -> Manifest:
        """The pod's spec of a Deployment."""
        return dict(self.one("Deployment", name)["spec"]["template"]["spec"])

    def container(self, name: str = "raygpu") -> Manifest:
        """The one container of a Deployment."""
        (container,) = self.pod(name)["containers"]
        return dict(container)

    def env(self, name: str = "raygpu") -> dict[str, str]:
        """Its environment."""
        return {each["name"]: each["value"] for each in self.container(name)["env"]}


def merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Values on values, the way helm lays them: mappings join, everything else is replaced."""
    joined = dict(below)
    for key, value in above.items():
        held = joined.get(key)
        joined[key] = merged(held, value) if isinstance(held, dict) and isinstance(value, dict) else value
    return joined
