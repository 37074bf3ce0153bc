"""One boto3 Session for the whole process and its clients, one per (service, region).

boto3 clients are safe to share between threads, making them is not; so they are made under a lock and kept.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import boto3
from botocore.config import Config

# Short waits and two SDK retries: the reconcile backs off by itself and must never hang in a pass.
CONFIG = Config(
    connect_timeout=3,
    read_timeout=10,
    max_pool_connections=32,
    retries={"mode": "standard", "max_attempts": 2},
)

# botocore makes its clients at run time and ships no types for them.
Client = Any


class AwsSession:
    """Clients of one boto3 Session; credentials, profile and AWS_ENDPOINT_URL come from the SDK's own chain."""

    def __init__(self, session: boto3.Session | None = None, config: Config = CONFIG) -> None:
        self._session = session or boto3.Session()
        self._config = config
        self._clients: dict[tuple[str, str], Client] = {}
        self._lock = threading.Lock()

    @property
    def boto3_session(self) -> boto3.Session:
        """The session itself, for signing (the EKS token is a signed STS URL)."""
        return self._session

    @property
    def home_region(self) -> str:
        """The region of calls that belong to none (STS, IAM): the session's own, else us-east-1."""
        return str(self._session.region_name or "us-east-1")

    def client(self, service: str, region: str) -> Client:
        """The one client of that service in that region. Raises botocore's errors on a region that cannot be one."""
        key = (service, region)
        with self._lock:
            if key not in self._clients:
                self._clients[key] = self._session.client(service, region_name=region, config=self._config)
            return self._clients[key]


def pages(client: Client, operation: str, **request: object) -> Iterator[dict[str, Any]]:
    """Every page of a list call, by the SDK's paginator (a repeated page token is an error, never an end)."""
    yield from client.get_paginator(operation).paginate(**request)
