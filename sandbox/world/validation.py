"""Checks parameters against botocore's service models as the services themselves do: required members, types, lengths,
ranges, patterns and enums. (botocore's own check stops at required members, types and minimums.)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

import botocore.session
from botocore.model import OperationModel, ServiceModel, Shape

from sandbox.world.errors import AwsError

_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
    "timestamp": (datetime, int, float, str),
    "blob": (bytes, bytearray, str),
    "list": (list, tuple),
    "map": (Mapping,),
    "structure": (Mapping,),
}


@cache
def service_model(service: str) -> ServiceModel:
    """botocore's model of a service by its client name, such as "service-quotas". Raises KeyError on others."""
    try:
        return botocore.session.get_session().get_service_model(service)
    except botocore.exceptions.UnknownServiceError as unknown:
        raise KeyError(service) from unknown


def operation_model(service: str, operation: str) -> OperationModel:
    """The model of one operation; raises AwsError (InvalidAction) when the service has none of that name."""
    model = service_model(service)
    if operation not in model.operation_names:
        raise AwsError("InvalidAction", f"The action {operation} is not valid for this service.")
    return model.operation_model(operation)


def validate(service: str, operation: str, params: Mapping[str, Any]) -> None:
    """Raises AwsError with the code and sentence of the service when `params` break the model of the operation."""
    model = operation_model(service, operation)
    if model.input_shape is None:
        return
    found = list(_violations(model.input_shape, params, ""))
    if model.service_model.metadata.get("protocol") == "ec2":
        # EC2 judges enums itself and by other codes (InvalidInstanceType, ...).
        found = [text for text in found if "enum value set" not in text]
    if found:
        plural = "" if len(found) == 1 else "s"
        message = f"{len(found)} validation error{plural} detected: {'; '.join(found)}"
        raise AwsError(_code(model), message, http_status=400)


def _code(model: OperationModel) -> str:
    protocol = model.service_model.metadata.get("protocol")
    if protocol == "query":
        return "ValidationError"
    if protocol == "ec2":
        return "InvalidParameterValue"
    named = {shape.name for shape in model.error_shapes}
    return "InvalidParameterException" if "InvalidParameterException" in named else "ValidationException"


def _failed(path: str, rule: str, value: object = None) -> str:
    shown = "null" if value is None else f"'{str(value)[:200]}'"
    return f"Value {shown} at '{path}' failed to satisfy constraint: Member must {rule}"


def _violations(shape: Shape, value: Any, path: str) -> Iterator[str]:
    expected = _TYPES.get(shape.type_name, (object,))
    flag_as_number = isinstance(value, bool) and shape.type_name != "boolean"
    if not isinstance(value, expected) or flag_as_number:
        yield _failed(path, f"be of type {shape.type_name}", value)
        return
    check = _CHECKS.get(shape.type_name)
    if check is not None:
        yield from check(shape, value, path)


def _structure(shape: Any, value: Mapping[str, Any], path: str) -> Iterator[str]:
    if shape.is_document_type:
        return
    for name in shape.required_members:
        if value.get(name) is None:
            yield _failed(_join(path, name), "not be null")
    for name, part in value.items():
        member = shape.members.get(name)
        if member is None:
            yield _failed(_join(path, name), "be a known parameter", part)
        elif part is not None:
            yield from _violations(member, part, _join(path, name))


def _list(shape: Any, value: list[Any], path: str) -> Iterator[str]:
    yield from _size(shape, len(value), path, "length")
    for index, item in enumerate(value, start=1):
        yield from _violations(shape.member, item, f"{path}.{index}.member")


def _map(shape: Any, value: Mapping[Any, Any], path: str) -> Iterator[str]:
    yield from _size(shape, len(value), path, "length")
    for key, item in value.items():
        yield from _violations(shape.key, key, f"{path} key")
        yield from _violations(shape.value, item, f"{path}.{key}.member")


def _string(shape: Shape, value: str, path: str) -> Iterator[str]:
    yield from _size(shape, len(value), path, "length", value)
    allowed = shape.metadata.get("enum")
    if allowed and value not in allowed:
        yield _failed(path, f"satisfy enum value set: [{', '.join(allowed)}]", value)
    pattern = shape.metadata.get("pattern")
    if pattern and (regex := _regex(pattern)) is not None and not regex.fullmatch(value):
        yield _failed(path, f"satisfy regular expression pattern: {pattern}", value)


def _number(shape: Shape, value: float, path: str) -> Iterator[str]:
    yield from _size(shape, value, path, "value", value)


def _size(shape: Shape, size: float, path: str, what: str, value: object = "…") -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < least:
        yield _failed(path, f"have {what} greater than or equal to {least}", value)
    if most is not None and size > most:
        yield _failed(path, f"have {what} less than or equal to {most}", value)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


@lru_cache(maxsize=512)
def _regex(pattern: str) -> re.Pattern[str] | None:
    """Smithy patterns are Java's. What Python writes otherwise is translated; what it cannot read is not checked."""
    text = pattern.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF")
    text = text.replace(r"\p{L}", r"\w").replace(r"\p{N}", r"\d").replace(r"\p{Z}", r"\s").replace(r"\p{M}", "")
    try:
        return re.compile(text)
    except re.error:
        return None


_CHECKS: Mapping[str, Callable[[Any, Any, str], Iterator[str]]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": _string,
    "integer": _number,
    "long": _number,
    "float": _number,
    "double": _number,
}
