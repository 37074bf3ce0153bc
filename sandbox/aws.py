"""AWS on the wire: one endpoint for every service. The world answers EKS and what comes with it, moto answers the rest."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from moto.core.request import Request
from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import BaseWSGIServer, make_server

from sandbox import aws_wire
from sandbox.aws_moto import Moto
from sandbox.aws_wire import Asked, Reply, Scope
from sandbox.world import ec2, iam, parameters
from sandbox.world.errors import AwsError
from sandbox.world.world import World

_WORLD_SERVICES = ("eks", "autoscaling", "service-quotas", "pricing", "resourcegroupstaggingapi", "cloudwatch")
# What a caller deletes in moto and the world must hear of, with the parameter that names it.
_DELETES = {
    ("ec2", "DeleteNetworkInterface"): "NetworkInterfaceId",
    ("ec2", "DeleteSecurityGroup"): "GroupId",
    ("ec2", "DeleteVolume"): "VolumeId",
    ("logs", "DeleteLogGroup"): "logGroupName",
}
_UNSIGNED = ("AssumeRoleWithWebIdentity", "AssumeRoleWithSAML")  # these two carry their proof in the body
_CODE = re.compile(rb"<Code>([^<]+)</Code>|\"__type\": ?\"(?:[^\"#]*#)?([^\"]+)\"")
StartResponse = Callable[[str, list[tuple[str, str]]], Any]


class _Handler(MotoRequestHandler):
    """moto's, without an access log."""

    def log(self, type: str, message: str, *args: Any) -> None:
        """Nothing: the world keeps its own log of calls."""


class AwsServer:
    """The endpoint for AWS_ENDPOINT_URL, on the loopback interface.

    `tick` brings the world to its clock and is called before every request. The world must have been made with a
    `MotoNetwork` of the same account, so that both see the same EC2. One server per process: moto's state is the process's.
    """

    def __init__(self, world: World, tick: Callable[[], None] = lambda: None) -> None:
        self.world = world
        self.moto = Moto(world.account)
        self._tick = tick
        self._stopping = threading.Event()
        self._server: BaseWSGIServer | None = None
        self._thread: threading.Thread | None = None
        world.role_exists = self.moto.role_exists

    def start(self, port: int = 0, *, empty: bool = True) -> str:
        """Serve on 127.0.0.1 (port 0: a free one), moto's state forgotten if `empty`; answers the URL."""
        if empty:
            self.moto.reset()
        self._server = make_server("127.0.0.1", port, self._answer, threaded=True, request_handler=_Handler)
        serve = partial(self._server.serve_forever, poll_interval=0.05)
        self._thread = threading.Thread(target=serve, name="sandbox-aws", daemon=True)
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        """Stop serving; a second stop changes nothing."""
        self._stopping.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        if self._thread is not None:
            self._thread.join(timeout=5)
            self._thread = None

    def credentials(self, user: str = "raygpu") -> tuple[str, str]:
        """Access key id and secret of an IAM user of this account, made if need be."""
        with self.world.lock:
            return self.moto.make_user(user)

    def principal_of(self, access_key: str) -> str | None:
        """The IAM principal (user or role ARN) behind an access key, as EKS matches access entries; None: unknown."""
        with self.world.lock:
            return self.moto.principal_of(access_key)

    def secret_of(self, access_key: str) -> str | None:
        """The secret of an access key, to check a signature with; None: unknown."""
        with self.world.lock:
            return self.moto.secret_of(access_key)

    def _answer(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length) if length else b""
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = self.world.account
        self._tick()
        scope = aws_wire.scope_of(_request(environ, body))
        delay = self.world.gate.delays.get(scope.service, 0.0) if scope is not None else 0.0
        if delay:
            self._stopping.wait(delay)
        with self.world.lock:
            reply = self._route(scope, environ, body)
        headers = {**reply.headers, "Content-Length": str(len(reply.body))}
        start_response(f"{reply.status} {'OK' if reply.status < 400 else 'Error'}", list(headers.items()))
        return [reply.body]

    def _route(self, scope: Scope | None, environ: dict[str, Any], body: bytes) -> Reply:
        request = _request(environ, body)
        request_id = self.world.ids.uuid("request")
        if scope is None:
            if request.values.get("Action") in _UNSIGNED:
                return self._moto(environ, body)
            error = AwsError("MissingAuthenticationToken", "Request is missing Authentication Token", 403)
            self.world.record("?", "?", {"path": request.path}, 403, error.code)
            return aws_wire.plain_error(error, request_id)
        try:
            asked = aws_wire.read(scope.service, request)
        except AwsError as error:
            if scope.service not in _WORLD_SERVICES:
                return self._moto(environ, body)
            self.world.record(scope.service, "?", {"path": request.path}, error.http_status or 400, error.code)
            return aws_wire.plain_error(error, request_id)
        if self._is_worlds(asked):
            return self._ask_world(asked, scope, request_id)
        return self._ask_moto(asked, scope, environ, body)

    @staticmethod
    def _is_worlds(asked: Asked) -> bool:
        if asked.service == "ssm":
            names = [asked.params.get("Name") or asked.params.get("Path") or "", *asked.params.get("Names", [])]
            return any(name.startswith(parameters.PREFIXES) for name in names)
        if asked.service == "ec2":
            return str(asked.operation.name) in ec2.WIRE_OPERATIONS
        if asked.service == "iam":
            return str(asked.operation.name) in iam.WIRE_OPERATIONS
        return asked.service in _WORLD_SERVICES

    def _ask_world(self, asked: Asked, scope: Scope, request_id: str) -> Reply:
        caller = self.moto.principal_of(scope.access_key)
        try:
            answer = self.world.aws(asked.service, str(asked.operation.name), asked.params, scope.region, caller)
        except AwsError as error:
            return aws_wire.write(asked, error, request_id)
        return aws_wire.write(asked, answer, request_id)

    def _ask_moto(self, asked: Asked, scope: Scope, environ: dict[str, Any], body: bytes) -> Reply:
        """A call moto answers: through the same gate, into the same log."""
        world, operation = self.world, str(asked.operation.name)
        try:
            caller = self.moto.principal_of(scope.access_key) or world.caller
            world.gate.before(asked.service, operation, world.now, caller)
            if asked.service == "ec2":
                self.moto.check_dependencies(operation, asked.params, scope.region)
                body = self.moto.understandable(operation, asked.params, scope.region, body)
            reply = self._moto(environ, body)
            if reply.status == 500 and reply.body.startswith(b"<!doctype html>"):
                raise AwsError("NotImplemented", f"The sandbox has no such form of {asked.service} {operation}.", 501)
            self._hear_of_delete(asked, operation, scope.region, reply)
            world.gate.after(asked.service, operation)
        except AwsError as error:
            world.record(asked.service, operation, asked.params, error.http_status or 400, error.code)
            return aws_wire.write(asked, error, world.ids.uuid("request"))
        world.record(asked.service, operation, asked.params, reply.status, _error_code(reply))
        return reply

    def _hear_of_delete(self, asked: Asked, operation: str, region: str, reply: Reply) -> None:
        member = _DELETES.get((asked.service, operation))
        if member is not None and reply.status == 200:
            self.world.remains.forget(region, str(asked.params.get(member)))

    def _moto(self, environ: dict[str, Any], body: bytes) -> Reply:
        taken: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], _exc: Any = None) -> Any:
            taken[:] = [int(status.split()[0]), dict(headers)]
            return lambda data: None

        environ = {**environ, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        parts = self.moto.app(environ, start_response)
        data = b"".join(parts)
        return Reply(taken[0], taken[1], data)


def _request(environ: dict[str, Any], body: bytes) -> Request:
    """The request with a body that can be read again."""
    return Request({**environ, "wsgi.input": io.BytesIO(body)})


def _error_code(reply: Reply) -> str | None:
    if reply.status < 400:
        return None
    found = _CODE.search(reply.body)
    return (found.group(1) or found.group(2)).decode() if found else "Unknown"
