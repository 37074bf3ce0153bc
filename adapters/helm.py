"""helm, as raygpu runs it: one chart, one release, in a home of its own that goes with the call. The port HelmCharts.

A process of helm's own does the work; it gets a token for that one cluster, and nothing else of the bot's secrets.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from domain.errors import Denied, OutsideError, Rejected, Unavailable
from domain.observation import ControlPlane
from domain.operator import NAMESPACE, RELEASE, OperatorChart
from domain.words import say

CALL_S = 60.0
STUCK_S = 5 * 60.0  # a helm that works on a release for longer was killed: ours are, after a minute
MOST_WORDS = 300
HANDED_ON = ("PATH", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")
_AWAY = re.compile(
    r"time(?:d )?out|deadline exceeded|refused|no such host|\bEOF\b|unreachable|reset by peer|TLS handshake|\b50[0-4]\b",
    re.I,
)


class Tokens(Protocol):
    """Where the bearer tokens of clusters come from."""

    def bearer(self, region: str, cluster: str) -> str: ...
    def drop(self, region: str, cluster: str) -> None: ...


def find() -> str | None:
    """Where helm is; None where it is not on PATH."""
    return shutil.which("helm")


@dataclass(frozen=True, slots=True)
class _Home:
    """What one call of install has: whom it speaks to, and a folder for everything helm writes."""

    plane: ControlPlane
    folder: Path

    @property
    def env(self) -> dict[str, str]:
        """PATH and the way through a proxy, and helm's own folders."""
        names = [name for upper in HANDED_ON for name in (upper, upper.lower())]
        given = {name: os.environ[name] for name in names if name in os.environ}
        own = {f"HELM_{kind}_HOME": str(self.folder / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
        return {**given, **own, "HOME": str(self.folder), "KUBECONFIG": str(self.folder / "kubeconfig")}


class HelmCharts:
    """Installs. `program`: the path of helm. `now`: the real time, by which helm dates its releases."""

    def __init__(
        self, tokens: Tokens, program: str, now: Callable[[], float] = time.time, call_s: float = CALL_S
    ) -> None:
        self._tokens = tokens
        self._program = program
        self._now = now
        self._call_s = call_s

    def install(self, plane: ControlPlane, chart: OperatorChart) -> None:
        """`helm upgrade --install`, after the chart's digest was compared; does not wait until the operator runs.

        A release that a killed helm left half made is taken away before, for no upgrade gets past it: whoever calls this
        has seen that no operator stands. Raises Rejected where the chart cannot be had or is another one.
        """
        with TemporaryDirectory(prefix="raygpu-helm-") as folder:
            home = _Home(plane, Path(folder))
            self._write_kubeconfig(home)
            self._clear(home)
            archive = self._archive(home, chart)
            self._helm(home, "upgrade", "--install", RELEASE, archive, "--namespace", NAMESPACE, "--create-namespace")

    def _write_kubeconfig(self, home: _Home) -> None:
        plane = home.plane
        if not plane.endpoint or not plane.ca_data:
            raise Unavailable("NoEndpoint", say("EKS names no API server for {cluster} yet.", cluster=plane.name))
        token = self._tokens.bearer(plane.region, plane.name).removeprefix("Bearer ")
        cluster = {"server": plane.endpoint, "certificate-authority-data": plane.ca_data}
        body = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "bot",
            "clusters": [{"name": "bot", "cluster": cluster}],
            "users": [{"name": "bot", "user": {"token": token}}],
            "contexts": [{"name": "bot", "context": {"cluster": "bot", "user": "bot"}}],
        }
        path = home.folder / "kubeconfig"
        path.touch(mode=0o600)
        path.write_text(json.dumps(body), encoding="utf-8")

    def _clear(self, home: _Home) -> None:
        """Takes a half-made release away; waits for one that somebody works on."""
        try:
            told = self._helm(home, "status", RELEASE, "--namespace", NAMESPACE, "--output", "json")
        except Rejected as no:
            if "not found" in no.message:
                return
            raise
        status, at = _release(told)
        if status == "deployed":
            return
        if self._now() - at < STUCK_S:
            text = say("helm says that the release {release} is {status}.", release=RELEASE, status=status)
            raise Unavailable("HelmBusy", text)
        self._helm(home, "uninstall", RELEASE, "--namespace", NAMESPACE, "--ignore-not-found", "--no-hooks")

    def _archive(self, home: _Home, chart: OperatorChart) -> str:
        """The path of the chart; fetched, unless it is a path already, and held against its digest."""
        place = Path(chart.reference)
        if not place.exists():
            place = self._pulled(home, chart)
        if chart.digest:
            found = _digest(place)
            if found != chart.digest:
                facts = {"place": chart.reference, "found": found, "wanted": chart.digest}
                text = say("The chart {place} is not the one of the configuration: {found}, not {wanted}.", **facts)
                raise Rejected("ChartDigest", text)
        return str(place)

    def _pulled(self, home: _Home, chart: OperatorChart) -> Path:
        target = home.folder / "chart"
        target.mkdir()
        words = ["pull", chart.reference, "--version", chart.version, "--destination", str(target)]
        self._helm(home, *words, *(["--repo", chart.repository] if chart.repository else []))
        found = sorted(target.glob("*.tgz"))
        if len(found) != 1:
            raise Rejected("HelmFailed", say("helm brought no archive of the chart {place}.", place=chart.reference))
        return found[0]

    def _helm(self, home: _Home, *words: str) -> str:
        """What helm writes; raises what it failed with."""
        command = [self._program, *words]
        try:
            process = subprocess.Popen(  # noqa: S603 - the program the operator put on PATH, words of our own
                command,
                env=home.env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,
            )
        except OSError as error:
            raise Rejected(
                "NoHelm", say("helm cannot be run: {why}.", why=error.strerror or type(error).__name__)
            ) from error
        try:
            out, err = process.communicate(timeout=self._call_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise Unavailable("HelmTimedOut", say("helm {word} took too long and was ended.", word=words[0])) from None
        if process.returncode != 0:
            raise self._fault(home.plane, words[0], err)
        return out

    def _fault(self, plane: ControlPlane, word: str, written: str) -> OutsideError:
        lines = [line.strip() for line in written.splitlines() if line.strip()]
        why = (lines[-1] if lines else "").removeprefix("Error: ")[:MOST_WORDS]
        text, low = say("helm {word} failed: {why}", word=word, why=why), why.lower()
        if "unauthorized" in low or "provide credentials" in low:
            self._tokens.drop(plane.region, plane.name)
            return Unavailable("Unauthorized", text)
        if "forbidden" in low:
            return Denied("Forbidden", text)
        return (Unavailable if _AWAY.search(why) else Rejected)("HelmFailed", text)


def _release(told: str) -> tuple[str, float]:
    """(status, when it was last worked on, epoch seconds) of `helm status --output json`."""
    try:
        info = json.loads(told)["info"]
        return str(info["status"]), datetime.fromisoformat(info["last_deployed"]).timestamp()
    except (KeyError, TypeError, ValueError) as error:
        raise Unavailable("HelmFailed", say("What helm says of its release cannot be read.")) from error


def _digest(place: Path) -> str:
    if place.is_dir():
        return say("a folder, which has no digest")
    return f"sha256:{hashlib.sha256(place.read_bytes()).hexdigest()}"
