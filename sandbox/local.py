"""Puts the local world together: clock, world, its doors, Valkey, the foundation, Slack with its page, and the bot.

Only endpoints differ from the real thing: the bot is a process of its own with nothing but its environment.
"""

from __future__ import annotations

import base64
import json
import shutil
import socket
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import redis
import uvicorn
import yaml
from fastapi import FastAPI

from adapters.clock import Anchor as SharedAnchor
from adapters.clock import SharedClock
from bot.embedded import EmbeddedValkey
from sandbox import page
from sandbox.aws import AwsServer
from sandbox.aws_moto import MotoNetwork
from sandbox.bot_process import BotProcess, run_once
from sandbox.control import Control
from sandbox.kube_token import Authenticator
from sandbox.kubernetes import KubernetesServer
from sandbox.loopback import free_port, is_free
from sandbox.panel import Panel
from sandbox.real import binaries
from sandbox.real.clusters import RealServers
from sandbox.slack import SlackSandbox
from sandbox.world.clock import Anchor, WorldClock
from sandbox.world.world import World

ACCOUNT = "111122223333"
REGION = "us-west-2"
BOT_TOKEN = "xoxb-sandbox-bot"  # noqa: S105 - the sandbox's own Slack knows no other
APP_TOKEN = "xapp-sandbox-app"  # noqa: S105 - likewise
SIGNING_SECRET = "sandbox-signing-secret"  # noqa: S105 - likewise
PRINCIPALS = {"U0ALICE": [f"arn:aws:iam::{ACCOUNT}:role/alice"], "U0BOB": [f"arn:aws:iam::{ACCOUNT}:role/bob"]}
CONFIG = {
    "regions": [REGION],
    "gpu_types": ["g4dn.xlarge", "g5.xlarge", "g5.2xlarge", "g5.12xlarge", "g6.xlarge", "g6e.xlarge", "p5.48xlarge"],
    "approvers": ["U0BOB", "U0BORIS"],
    "admins": ["U0CAROL"],
    "groups": {"leads": ["U0CAROL"]},
    "teams": {"vision": ["U0ALICE", "U0BOB"]},
    "approval": [
        {"approvals": 2, "group": "approvers", "gpu_types": ["p5.48xlarge"]},
        {"approvals": 1, "group": "approvers"},
    ],
    "quotas": {  # none in $/h: it would refuse types whose price is unknown in the first seconds after a start
        "user": {"clusters": 50, "gpus": 400},
        "team": {"gpus": 800},
        "all": {"clusters": 200, "gpus": 2000},
    },
    "budgets": {"user": 50_000, "teams": {"vision": 2_000}, "second_tier": "leads"},
    "principals": PRINCIPALS,
    "kuberay": {
        "install": False
    },  # its chart is not on this machine; `"ray": true` of a workload brings a built-in one
    "idle": {  # no days of shadow and no night's rest: what is done about idleness is seen within minutes
        "shadow": "0d",
        "automatic": "park",
        "first_usd": 2,
        "steps_usd": [5, 20, 50],
        "latest": "4h",
        "delete_after": "1d",
        "day": [0, 24],
    },
}
HEARTBEAT_S = 0.2
SERVER_PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Choice:
    """What was asked for on the command line. `port` 0: a free one. `real`: real control planes for the clusters."""

    speed: float = 60.0
    seed: int = 0
    bot: bool = True
    socket_mode: bool = False
    port: int = 0
    real: bool = False


class LocalWorld:
    """Everything of one sandbox; `start` answers the ready line, `stop` leaves no process and no file."""

    def __init__(self, choice: Choice) -> None:
        self._choice = choice
        self._folder = Path(tempfile.mkdtemp(prefix="raygpu-sandbox-"))
        self.clock = WorldClock(time.time(), choice.speed)
        self._kubernetes: KubernetesServer | RealServers | None = None
        self.world = World(
            self.clock.now(),
            seed=choice.seed,
            account=ACCOUNT,
            region=REGION,
            cluster_endpoint=self._endpoint,
            network=MotoNetwork(ACCOUNT),
        )
        self.slack = SlackSandbox(SIGNING_SECRET, BOT_TOKEN, APP_TOKEN, self.clock.now)
        self.slack.mode = "socket" if choice.socket_mode else "http"
        self._aws = AwsServer(self.world, self.tick)
        self._valkey = EmbeddedValkey(self._folder)
        self._web: uvicorn.Server | None = None
        self._threads: list[threading.Thread] = []
        self._ended = threading.Event()
        self._bot: BotProcess | None = None

    def tick(self) -> None:
        """Bring the world to its clock."""
        self.world.advance_to(self.clock.now())

    def start(self) -> dict[str, Any]:
        """`{"page", "control", "env"}` once everything answers, the bot included where one was asked for."""
        programs = binaries.find() if self._choice.real else None
        endpoint = self._aws.start()
        self._start_kubernetes(programs)
        redis_url = self._valkey.start()
        self._share_clock(redis_url)
        env = self._environment(endpoint, redis_url, self._aws.credentials())
        self._lay_foundation(env)
        _make_roles(env)
        self._thread(self._beat)
        base = self._serve()
        env["SLACK_API_URL"] = f"{base}/api/"
        self.slack.bot_url = f"http://127.0.0.1:{env['RAYGPU_HTTP_PORT']}/slack/events"
        if self._choice.bot:
            self._bot = BotProcess(env, self._folder / "bot.log")
            self._bot.start()
        return {"page": f"{base}/", "control": base, "env": env}

    def stop(self) -> None:
        """Ends the bot first, then what it speaks to; safe at any point of a start."""
        if self._bot is not None:
            self._bot.stop()
        self._ended.set()
        if self._web is not None:
            self._web.should_exit = True
        for thread in self._threads:
            thread.join(timeout=10)
        if self._kubernetes is not None:
            self._kubernetes.stop()
        self._aws.stop()
        self._valkey.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start_kubernetes(self, programs: Path | None) -> None:
        """The one server of all built-in clusters, or a control plane for each out of these programs."""
        principal_of, secret_of = self._aws.principal_of, self._aws.secret_of
        if programs is None:
            self._kubernetes = KubernetesServer(self.world, self.tick, principal_of=principal_of, secret_of=secret_of)
        else:
            real = RealServers(self.world, programs, self._folder, Authenticator(principal_of, secret_of))
            self._kubernetes = self.world.api_servers = real
        self._kubernetes.start()

    def _endpoint(self, key: str) -> tuple[str, str]:
        if self._kubernetes is None:
            raise RuntimeError("the Kubernetes door is not open yet")
        if isinstance(self._kubernetes, RealServers):
            return self._kubernetes.endpoint(key)
        return self._kubernetes.endpoint(key), base64.b64encode(self._kubernetes.ca_pem).decode()

    def _share_clock(self, redis_url: str) -> None:
        """The bot's one clock follows the world's through Redis, also when it is stepped."""
        client = redis.Redis.from_url(redis_url)

        shared = SharedClock(client, self._choice.speed)

        def tell(anchor: Anchor) -> None:
            shared.publish(SharedAnchor(anchor.real, anchor.virtual, anchor.speed))

        tell(self.clock.anchor)
        self.clock.listen(tell)

    def _environment(self, endpoint: str, redis_url: str, keys: tuple[str, str]) -> dict[str, str]:
        config = self._folder / "raygpu.yaml"
        config.write_text(yaml.safe_dump(CONFIG), encoding="utf-8")
        said = {"SLACK_APP_TOKEN": APP_TOKEN} if self._choice.socket_mode else {"SLACK_SIGNING_SECRET": SIGNING_SECRET}
        return {
            "SLACK_BOT_TOKEN": BOT_TOKEN,
            **said,
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": keys[0],
            "AWS_SECRET_ACCESS_KEY": keys[1],
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "RAYGPU_REDIS_URL": redis_url,
            "RAYGPU_DATA_DIR": str(self._folder / "data"),
            "RAYGPU_CONFIG": str(config),
            "RAYGPU_HTTP_PORT": str(free_port()),
            "RAYGPU_HTTP_BIND": "127.0.0.1",
            "RAYGPU_CLOCK_SPEED": f"{self._choice.speed:g}",
        }

    def _lay_foundation(self, env: dict[str, str]) -> None:
        """What an administrator does once: `raygpu setup`, in a process with the same environment."""
        done = run_once(env, "setup")
        if done.returncode != 0:
            raise RuntimeError(f"raygpu setup failed:\n{done.stdout}{done.stderr}")

    def _beat(self) -> None:
        while not self._ended.wait(HEARTBEAT_S):
            self.tick()

    def _serve(self) -> str:
        """The web server of Slack's API, the control API and the page; answers its base URL."""
        app = FastAPI(title="raygpu sandbox")
        control = Control(self.world, self.clock, (self.slack,))
        app.include_router(self.slack.router)
        app.include_router(control.router())
        page.mount(app, self.slack, Panel(self.world, self.clock, self.slack))
        port = self._choice.port or free_port()
        if not is_free(port):
            raise RuntimeError(f"port {port} is taken; choose another with --port")
        self.slack.base_url = f"http://127.0.0.1:{port}"
        config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", ws_max_size=2**20)
        self._web = uvicorn.Server(config)
        self._thread(self._web.run)
        _wait_for(port)
        return f"http://127.0.0.1:{port}"

    def _thread(self, work: Any) -> None:
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        self._threads.append(thread)


def _make_roles(env: dict[str, str]) -> None:
    """The IAM roles of people that the configuration names; EKS lets in only principals that exist."""
    iam = boto3.client(
        "iam",
        endpoint_url=env["AWS_ENDPOINT_URL"],
        region_name=REGION,
        aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
    )
    trusted = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [trusted]})
    for arn in (arn for arns in PRINCIPALS.values() for arn in arns):
        iam.create_role(RoleName=arn.rpartition("/")[2], AssumeRolePolicyDocument=policy)


def _wait_for(port: int) -> None:
    """Returns when something listens there; raises RuntimeError when nothing does in time."""
    deadline = time.monotonic() + SERVER_PATIENCE_S
    pause = threading.Event()
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        pause.wait(0.05)
    raise RuntimeError(f"the sandbox's web server did not come up on port {port}")
