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
from typing import IO, Protocol

from domain.errors import Denied, OutsideError, Rejected, Unavailable
from domain.observation import ControlPlane
from domain.operator import NAMESPACE, RELEASE, OperatorChart
from domain.words import say

INSTALL_S = 25.0  # for all calls together: the worker that waits holds a lease of thirty
STUCK_S = 5 * 60.0  # a helm that works on a release for longer was killed, as ours are after INSTALL_S
MOST_WORDS = 300
MOST_BYTES = 8 * 1024 * 1024
HANDED_ON = ("PATH", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")
# What client-go, etcd, Go's net and a chart's server say when the same call may pass later.
_AWAY = re.compile(
    r"time(?:d )?out|time allotted|deadline exceeded|connection (?:refused|reset|lost)|broken pipe|no such host|\bEOF\b"
    r"|unreachable|no route to host|server misbehaving|temporary failure|TLS handshake|\b50[0-4]\b|\b429\b"
    r"|bad gateway|currently unable to handle|internal error occurred|leader changed|too many requests",
    re.I,
)
_BUSY = re.compile(r"another operation .* is in progress")
_USERINFO = re.compile(r"://[^/\s@]+@")


class Tokens(Protocol):
    """Where the bearer tokens of clusters come from."""

    def bearer(self, region: str, cluster: str) -> str: ...
    def drop(self, region: str, cluster: str) -> None: ...


def find(path: str | None = None) -> str | None:
    """Where helm is; None where it is not on `path`, which is PATH unless given."""
    return shutil.which("helm", path=path)


@dataclass(frozen=True, slots=True)
class _Home:
    """What one call of install has: whom it speaks to, and a folder for everything helm writes."""

    plane: ControlPlane
    token: str
    folder: Path
    until: float  # monotonic

    @property
    def env(self) -> dict[str, str]:
        """PATH and the way through a proxy, and helm's own folders; TMPDIR, so that one that is ended leaves nothing."""
        names = [name for upper in HANDED_ON for name in (upper, upper.lower())]
        given = {name: os.environ[name] for name in names if name in os.environ}
        own = {f"HELM_{kind}_HOME": str(self.folder / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
        home = {name: str(self.folder) for name in ("HOME", "TMPDIR")}
        return {**given, **own, **home, "KUBECONFIG": str(self.folder / "kubeconfig")}


class HelmCharts:
    """Installs. `program`: the path of helm. `now`: the real time, by which helm dates its releases.

    `most_s`: for all calls of an install together.
    """

    def __init__(
        self, tokens: Tokens, program: str, now: Callable[[], float] = time.time, most_s: float = INSTALL_S
    ) -> None:
        self._tokens = tokens
        self._program = program
        self._now = now
        self._most_s = most_s

    def install(self, plane: ControlPlane, chart: OperatorChart) -> None:
        """`helm upgrade --install`, after the chart's digest was compared; does not wait until the operator runs.

        A release that a killed helm left half made is taken away before, for no upgrade gets past it: whoever calls this
        has seen that no operator stands. Raises Rejected where the chart cannot be had or is another one.
        """
        if not plane.endpoint or not plane.ca_data:
            raise Unavailable("NoEndpoint", say("EKS names no API server for {cluster} yet.", cluster=plane.name))
        token = self._tokens.bearer(plane.region, plane.name).removeprefix("Bearer ")
        with TemporaryDirectory(prefix="raygpu-helm-") as folder:
            home = _Home(plane, token, Path(folder), time.monotonic() + self._most_s)
            self._write_kubeconfig(home)
            archive = self._archive(home, chart)
            self._clear(home)
            place = ("--namespace", NAMESPACE, "--create-namespace")
            self._helm(home, "upgrade", "--install", RELEASE, archive, *place, "--timeout", f"{self._most_s:g}s")

    def _write_kubeconfig(self, home: _Home) -> None:
        cluster = {"server": home.plane.endpoint, "certificate-authority-data": home.plane.ca_data}
        body = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "bot",
            "clusters": [{"name": "bot", "cluster": cluster}],
            "users": [{"name": "bot", "user": {"token": home.token}}],
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
        # A name within a repository stays one, whatever lies in the folder that the bot was started in.
        is_path = not chart.repository and Path(chart.reference).exists()
        place = Path(chart.reference).resolve() if is_path else self._pulled(home, chart)
        if chart.digest:
            try:
                found = _digest(place)
            except OSError as error:
                text = say("The chart {place} cannot be read: {why}.", place=chart.reference, why=error.strerror)
                raise Rejected("HelmFailed", text) from error
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
        with (home.folder / "out").open("w+b") as out, (home.folder / "err").open("w+b") as err:
            try:
                child = subprocess.Popen(  # noqa: S603 - the program the operator put on PATH, words of our own
                    command, env=home.env, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
                )
            except OSError as error:
                text = say("helm cannot be run: {why}.", why=error.strerror or type(error).__name__)
                raise Rejected("NoHelm", text) from error
            try:
                child.wait(max(0.0, home.until - time.monotonic()))
            except subprocess.TimeoutExpired:
                text = say("helm {word} took too long and was ended.", word=words[0])
                raise Unavailable("HelmTimedOut", text) from None
            finally:
                _end(child)
            if child.returncode != 0:
                raise self._fault(home, words[0], _first(err))
            return _first(out)

    def _fault(self, home: _Home, word: str, written: str) -> OutsideError:
        text = say("helm {word} failed: {why}", word=word, why=_last_line(written, home.token))
        error, is_kubernetes = written[max(written.rfind("Error: "), 0) :], word != "pull"
        low = error.lower()
        if is_kubernetes and ("unauthorized" in low or "provide credentials" in low):
            self._tokens.drop(home.plane.region, home.plane.name)
            return Unavailable("Unauthorized", text)
        if "forbidden" in low:
            return Denied("Forbidden", text)
        if _BUSY.search(low):
            return Unavailable("HelmBusy", text)
        return (Unavailable if _AWAY.search(error) else Rejected)("HelmFailed", text)


def _last_line(written: str, token: str) -> str:
    """helm's last line, bounded, without the token and without the password of a proxy or a chart's server."""
    lines = [line.strip() for line in written.splitlines() if line.strip()]
    why = (lines[-1] if lines else "").removeprefix("Error: ").replace(token, "…")
    return _USERINFO.sub("://…@", why)[:MOST_WORDS]


def _end(child: subprocess.Popen[bytes]) -> None:
    """Nothing of it runs on, whatever ended the wait. Its group lives as long as the child is not reaped."""
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _first(file: IO[bytes]) -> str:
    """What was written, as far as it is borne to be read."""
    file.seek(0)
    return file.read(MOST_BYTES).decode(errors="replace")


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
