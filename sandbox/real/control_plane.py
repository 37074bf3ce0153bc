"""One real control plane on loopback: etcd, kube-apiserver, controller manager, scheduler, and kwok for its kubelets.

The API server asks the TokenReview webhook who stands behind a token, and RBAC what that one may do. Its own
administrator is a token in a file, known to this process only.
"""

from __future__ import annotations

import json
import secrets
import shutil
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import yaml

from sandbox.loopback import free_port
from sandbox.real import rbac, server_config, stages
from sandbox.real.certificates import Keys
from sandbox.real.processes import Process

READY_S = 60.0
CALL_S = 10.0
ADMINISTRATOR = "raygpu-sandbox"
# Of pods without the host's network. The world's nodes are in 10.0.0.0/12, and 10.100.0.0/16 is that of services.
POD_CIDR = "10.128.0.0/16"


@dataclass(slots=True)
class ControlPlane:
    """`binaries`: the folder of the programs; `folder`: its own, taken away with it; `webhook`: where tokens are reviewed.

    `audit`: where its audit events go, empty: nowhere.
    """

    binaries: Path
    folder: Path
    webhook: str
    audit: str = ""
    port: int = field(default_factory=free_port)
    keys: Keys = field(init=False)
    _token: str = field(init=False, default_factory=lambda: secrets.token_hex(16))
    _processes: dict[str, Process] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.keys = Keys(self.folder)

    @property
    def url(self) -> str:
        """The endpoint, as DescribeCluster gives it."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def nodes_socket(self) -> Path:
        """Where it asks for a connection to a node or a pod, by HTTP CONNECT; with nobody there, none is reached."""
        return self.folder / "nodes.sock"

    @property
    def token(self) -> str:
        """Its administrator's."""
        return self._token

    def start(self, given_up: threading.Event | None = None) -> None:
        """Everything, and returns when the API server says it is ready. Raises RuntimeError with the log's end.

        `given_up`, set from elsewhere, ends the waiting.
        """
        self.keys.write()
        self._write_files()
        self._add_processes()
        self["etcd"].start()
        self["kube-apiserver"].start()
        self.wait_ready(given_up)
        for path, body in rbac.objects():
            self.call("POST", path, body)
        for name in ("kube-controller-manager", "kube-scheduler", "kwok"):
            self[name].start()

    def stop(self) -> None:
        """Ends every process, the API server's clients first, and takes the folder away; safe at any point of a start."""
        for name in reversed(self._processes):
            self[name].stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __getitem__(self, name: str) -> Process:
        return self._processes[name]

    def wait_ready(self, given_up: threading.Event | None = None) -> None:
        """Until /readyz says ok; raises RuntimeError when it does not in time, or the process has ended."""
        deadline, pause = time.monotonic() + READY_S, given_up or threading.Event()
        server = self["kube-apiserver"]
        while time.monotonic() < deadline and server.is_running and not pause.wait(0.1):
            if self.is_ready():
                return
        raise RuntimeError(f"the API server did not become ready:\n{server.tail()}\n{self['etcd'].tail(5)}")

    def is_ready(self) -> bool:
        """True when the API server says so now."""
        try:
            self.call("GET", "/readyz")
        except (URLError, OSError, ValueError):
            return False
        return True

    def call(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> Any:
        """One call as the administrator: JSON where it is JSON, else text. Raises urllib's HTTPError, URLError."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": content_type}
        request = Request(f"{self.url}{path}", data=data, method=method, headers=headers)  # noqa: S310 - loopback
        with urlopen(request, timeout=CALL_S, context=self._trust()) as answer:  # noqa: S310 - loopback
            text = answer.read().decode()
        return json.loads(text) if text.startswith(("{", "[")) else text

    def find(self, path: str) -> Any | None:
        """The object at that path, None where there is none."""
        try:
            return self.call("GET", path)
        except HTTPError as error:
            if error.code != 404:
                raise
            return None

    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cadata=self.keys.ca_pem.decode())

    def _write_files(self) -> None:
        write = self._write
        write("tokens.csv", f'{self._token},{ADMINISTRATOR},{ADMINISTRATOR},"system:masters"\n')
        write("admin.conf", yaml.safe_dump(_kubeconfig(self.url, self.keys.ca_file, self._token)))
        write("webhook.conf", yaml.safe_dump(_kubeconfig(self.webhook)))
        write("authentication.yaml", yaml.safe_dump(server_config.AUTHENTICATION))
        write("egress.yaml", yaml.safe_dump(server_config.egress(self.nodes_socket)))
        if self.audit:
            write("audit.yaml", yaml.safe_dump(server_config.audit_policy(ADMINISTRATOR)))
            write("audit.conf", yaml.safe_dump(_kubeconfig(self.audit)))
        write("kwok.yaml", yaml.safe_dump_all(stages.STAGES))

    def _write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")

    def _add_processes(self) -> None:
        client, peer, folder = free_port(), free_port(), self.folder
        admin = f"--kubeconfig={folder / 'admin.conf'}"
        self._add("etcd", *_etcd(folder, client, peer))
        self._add("kube-apiserver", *self._server_flags(client))
        common = (admin, "--bind-address=127.0.0.1", "--secure-port=0", "--leader-elect=false")
        keys = (f"--service-account-private-key-file={self.keys.account_key}", f"--root-ca-file={self.keys.ca_file}")
        self._add("kube-controller-manager", *common, *keys, "--use-service-account-credentials=false")
        self._add("kube-scheduler", *common)
        stages_file, leases = f"--config={folder / 'kwok.yaml'}", "--node-lease-duration-seconds=40"
        self._add("kwok", admin, "--manage-all-nodes", stages_file, leases, f"--cidr={POD_CIDR}")

    def _add(self, name: str, *flags: str) -> None:
        command = [str(self.binaries / name), *flags]
        # HOME: none of them shall read or leave anything of the person who runs the sandbox.
        env = {"HOME": str(self.folder), "PATH": "/usr/bin:/bin"}
        self._processes[name] = Process(name, command, self.folder / f"{name}.log", env)

    def _server_flags(self, etcd_port: int) -> tuple[str, ...]:
        keys, folder = self.keys, self.folder
        return (
            f"--etcd-servers=http://127.0.0.1:{etcd_port}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self.port}",
            f"--tls-cert-file={keys.cert_file}",
            f"--tls-private-key-file={keys.key_file}",
            f"--service-account-key-file={keys.account_public}",
            f"--service-account-signing-key-file={keys.account_key}",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--authorization-mode=RBAC",
            f"--token-auth-file={folder / 'tokens.csv'}",
            f"--authentication-token-webhook-config-file={folder / 'webhook.conf'}",
            "--authentication-token-webhook-version=v1",
            # The server itself keeps who was let in for ten seconds; a revoked entry is a refusal right after.
            "--authentication-token-webhook-cache-ttl=1s",
            "--service-cluster-ip-range=10.100.0.0/16",
            "--endpoint-reconciler-type=none",
            "--enable-aggregator-routing=false",
            f"--authentication-config={folder / 'authentication.yaml'}",
            "--kubelet-preferred-address-types=InternalIP",
            f"--egress-selector-config-file={folder / 'egress.yaml'}",
            *(self._audit_flags() if self.audit else ()),
        )

    def _audit_flags(self) -> tuple[str, ...]:
        policy, hook = f"--audit-policy-file={self.folder / 'audit.yaml'}", self.folder / "audit.conf"
        return (policy, f"--audit-webhook-config-file={hook}", "--audit-webhook-batch-max-wait=200ms")


def _etcd(folder: Path, client: int, peer: int) -> tuple[str, ...]:
    return (
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls=http://127.0.0.1:{client}",
        f"--advertise-client-urls=http://127.0.0.1:{client}",
        f"--listen-peer-urls=http://127.0.0.1:{peer}",
        f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}",
        f"--initial-cluster=default=http://127.0.0.1:{peer}",
        "--unsafe-no-fsync",  # it lives as long as the sandbox does
    )


def _kubeconfig(server: str, ca: Path | None = None, token: str = "") -> Mapping[str, Any]:
    cluster = {"server": server, **({"certificate-authority": str(ca)} if ca is not None else {})}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "there", "cluster": cluster}],
        "users": [{"name": "me", "user": {"token": token} if token else {}}],
        "contexts": [{"name": "here", "context": {"cluster": "there", "user": "me"}}],
        "current-context": "here",
    }
