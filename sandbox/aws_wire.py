"""AWS protocols on the wire: which operation a request asks for, with which parameters, and replies in the same protocol.

Query, EC2, JSON and REST-JSON are read and written by moto's core from botocore's models; RPC v2 CBOR, which newer SDKs
choose for the tagging API, by botocore's own reader and writer.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError
from botocore.model import Shape
from botocore.parsers import ResponseParserError, RpcV2CBORParser
from botocore.serialize import RpcV2CBORSerializer
from moto.core.model import OperationModel
from moto.core.parse import PROTOCOL_PARSERS, RequestParserError
from moto.core.request import Request, determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.serialize import DefaultAttributePicker, SerializationContext, get_serializer_class
from moto.core.utils import get_service_model
from werkzeug.exceptions import HTTPException

from sandbox.world.errors import AwsError

CBOR = "smithy-rpc-v2-cbor"
CLASSIC_ELB = "2012-06-01"  # both kinds of load balancing sign with one name and differ in their API version
# The names services sign with, where they differ from the names of their clients.
_BY_SIGNING_NAME = {
    "servicequotas": "service-quotas",
    "tagging": "resourcegroupstaggingapi",
    "elasticloadbalancing": "elbv2",
    "monitoring": "cloudwatch",
}


@dataclass(frozen=True, slots=True)
class Scope:
    """What the signature says: who (access key id), where and which service (boto3's client name)."""

    access_key: str
    region: str
    service: str


def scope_of(request: Request) -> Scope | None:
    """The credential scope of a SigV4 request, from its header or its query; None when it is not signed."""
    credential = ""
    header = request.headers.get("Authorization", "")
    if header.startswith("AWS4") and "Credential=" in header:
        credential = header.split("Credential=", 1)[1].split(",", 1)[0]
    elif "X-Amz-Credential" in request.args:
        credential = request.args["X-Amz-Credential"]
    parts = credential.strip().split("/")
    if len(parts) != 5:
        return None
    key, _, region, name, _ = parts
    service = _BY_SIGNING_NAME.get(name.lower(), name.lower())
    if service == "elbv2" and request.values.get("Version") == CLASSIC_ELB:
        service = "elb"
    return Scope(key, region, service)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request understood: the operation, its parameters, and the protocol to answer in."""

    service: str
    operation: OperationModel
    params: dict[str, Any]
    protocol: str


def read(service: str, request: Request) -> Asked:
    """Understand a request. Raises AwsError as AWS answers what it cannot read."""
    try:
        if request.headers.get("smithy-protocol") == "rpc-v2-cbor":
            return _read_cbor(service, request)
        return _read(service, request)
    except HTTPException as unknown:
        raise AwsError("UnknownOperationException", "The operation is not known.", 404) from unknown
    except (RequestParserError, ResponseParserError, ValueError, TypeError, AttributeError, KeyError) as broken:
        raise AwsError("SerializationException", "The request could not be read.", 400) from broken


def _read(service: str, request: Request) -> Asked:
    model = get_service_model(service)
    operation, uri_params = get_service_router(service).match(request)
    protocol = determine_request_protocol(model, request.content_type)
    parsed = PROTOCOL_PARSERS[protocol](operation).parse(
        {
            "method": request.method,
            "values": request.values,
            "headers": request.headers,
            "body": request.get_data(),
            "url_path": request.path,
            "url_params": uri_params,
        }
    )
    return Asked(service, operation, _aware(_given(operation, parsed or {})), protocol)


def _read_cbor(service: str, request: Request) -> Asked:
    name = request.path.rstrip("/").rpartition("/")[2]
    model = get_service_model(service)
    if name not in model.operation_names:
        raise AwsError("UnknownOperationException", "The operation is not known.", 404)
    body = request.get_data()
    reader = RpcV2CBORParser()
    params = reader.parse_data_item(io.BufferedReader(io.BytesIO(body))) if body else {}
    return Asked(service, model.operation_model(name), params, CBOR)


def _given(operation: OperationModel, params: dict[str, Any]) -> dict[str, Any]:
    """Without the empty lists that stand for query parameters nobody sent."""
    members = operation.input_shape.members if operation.input_shape is not None else {}
    return {
        name: value
        for name, value in params.items()
        if not (value == [] and members[name].serialization.get("location") == "querystring")
    }


def _aware(value: Any) -> Any:
    """moto reads times without a zone; they are UTC."""
    if isinstance(value, dict):
        return {key: _aware(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_aware(item) for item in value]
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply ready to send."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _Raised(Exception):
    """An AwsError as moto's writers want it: code, message and further members as attributes."""

    def __init__(self, error: AwsError) -> None:
        super().__init__(error.message)
        self.code = error.code
        self.message = error.message
        for name, value in error.extra.items():
            setattr(self, name, value)


def write(asked: Asked, answer: dict[str, Any] | AwsError, request_id: str) -> Reply:
    """The reply to a request, in its own protocol."""
    if asked.protocol == CBOR:
        return _write_cbor(asked, answer, request_id)
    writer = get_serializer_class(asked.service, asked.protocol)(
        operation_model=asked.operation,
        context=SerializationContext(request_id),
        value_picker=DefaultAttributePicker(),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # codes such as Throttling are AWS's own and in no service's model
        reply = writer.serialize(_Raised(answer) if isinstance(answer, AwsError) else answer)
    status = answer.http_status if isinstance(answer, AwsError) and answer.http_status else reply["status_code"]
    headers = {**reply["headers"], "x-amzn-RequestId": request_id}
    if isinstance(answer, AwsError) and asked.protocol in ("json", "rest-json"):
        headers["X-Amzn-Errortype"] = answer.code
    body = reply["body"]
    return Reply(int(status), headers, body.encode() if isinstance(body, str) else body)


class _CborWriter(RpcV2CBORSerializer):  # type: ignore[misc] # moto ships no types
    """botocore writes requests in CBOR; replies have the same form."""

    def encode(self, value: Mapping[str, Any], shape: Shape | None) -> bytes:
        """A structure as bytes."""
        body = bytearray()
        if shape is not None:
            self._serialize_data_item(body, value, shape)
        return bytes(body)


def _write_cbor(asked: Asked, answer: dict[str, Any] | AwsError, request_id: str) -> Reply:
    headers = {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor", "x-amzn-RequestId": request_id}
    if isinstance(answer, AwsError):
        fields = (("__type", answer.code), ("message", answer.message))
        body = bytes([0xA0 + len(fields)]) + b"".join(_text(k) + _text(v) for k, v in fields)
        return Reply(answer.http_status or 400, headers, body)
    try:
        return Reply(200, headers, _CborWriter().encode(answer, asked.operation.output_shape))
    except BotoCoreError as broken:
        raise AwsError("InternalFailure", str(broken), 500) from broken


def _text(value: str) -> bytes:
    """A CBOR text string with a two-byte length."""
    data = value.encode()
    return b"\x79" + len(data).to_bytes(2, "big") + data


def plain_error(error: AwsError, request_id: str) -> Reply:
    """An error where even the protocol is not known: XML, as AWS's front answers."""
    message = error.message.replace("&", "&amp;").replace("<", "&lt;")
    text = (
        f"<ErrorResponse><Error><Code>{error.code}</Code><Message>{message}</Message></Error>"
        f"<RequestId>{request_id}</RequestId></ErrorResponse>"
    )
    return Reply(error.http_status or 400, {"Content-Type": "text/xml"}, text.encode())
