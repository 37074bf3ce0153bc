"""The authenticator of an EKS API server: a bearer token is a presigned STS GetCallerIdentity URL of that cluster.

The rules are those of aws-iam-authenticator: form of the token, STS host, allowed parameters, fifteen minutes from
X-Amz-Date, and the cluster's name as a signed header. STS itself would check the signature; here it is checked where
the secret of the access key is known.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, quote, urlsplit

PREFIX = "k8s-aws-v1."
CLUSTER_HEADER = "x-k8s-aws-id"
MAX_TOKEN_BYTES = 4096
LIFETIME = timedelta(minutes=15)
CLOCK_SKEW = timedelta(minutes=5)
_HOST = re.compile(r"^sts(-fips)?\.[a-z0-9-]+\.amazonaws\.com(\.cn)?$")
_ALLOWED = frozenset(
    {
        "action",
        "version",
        "x-amz-algorithm",
        "x-amz-credential",
        "x-amz-date",
        "x-amz-expires",
        "x-amz-security-token",
        "x-amz-signature",
        "x-amz-signedheaders",
    }
)


class BadToken(Exception):
    """The token proves nothing. The sentence is for the log: an API server never tells the client why."""


@dataclass(frozen=True, slots=True)
class Authenticator:
    """`principal_of` names the IAM principal of an access key (None: unknown key); `secret_of` its secret, if known."""

    principal_of: Callable[[str], str | None]
    secret_of: Callable[[str], str | None]
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def principal(self, header: str, cluster: str) -> str:
        """The principal behind an Authorization header for that cluster. Raises BadToken."""
        scheme, _, token = header.partition(" ")
        if scheme != "Bearer" or not token:
            raise BadToken("there is no bearer token")
        host, query = _parse(token)
        key = self._check_times(query)
        signed = query.get("x-amz-signedheaders", "").split(";")
        if CLUSTER_HEADER not in signed or "host" not in signed:
            raise BadToken(f"the headers host and {CLUSTER_HEADER} are not both signed")
        secret = self.secret_of(key)
        if secret is not None and not hmac.compare_digest(
            _signature(host, query, cluster, secret), query["x-amz-signature"]
        ):
            raise BadToken(f"the signature is not one for the cluster {cluster}")
        principal = self.principal_of(key)
        if principal is None:
            raise BadToken(f"STS does not know the access key {key}")
        return principal

    def _check_times(self, query: dict[str, str]) -> str:
        for name in ("x-amz-credential", "x-amz-date", "x-amz-signature"):
            if not query.get(name):
                raise BadToken(f"{name} is missing")
        try:
            stamp = datetime.strptime(query["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
            expires = int(query.get("x-amz-expires", "60"))
        except ValueError as error:
            raise BadToken(f"X-Amz-Date or X-Amz-Expires cannot be read: {error}") from error
        if not 0 <= expires <= LIFETIME.total_seconds():
            raise BadToken("X-Amz-Expires is out of bounds")
        age = self.now() - stamp
        if age > LIFETIME:
            raise BadToken("X-Amz-Date is older than 15 minutes")
        if age < -CLOCK_SKEW:
            raise BadToken("X-Amz-Date is in the future")
        return query["x-amz-credential"].partition("/")[0]


def _parse(token: str) -> tuple[str, dict[str, str]]:
    """(STS host, query by lower-case name) of a well-formed token."""
    if len(token) > MAX_TOKEN_BYTES or not token.startswith(PREFIX):
        raise BadToken("the token is too long or not of version 1")
    text = token.removeprefix(PREFIX)
    try:
        url = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate="=" not in text).decode()
        parts = urlsplit(url)
        pairs = parse_qs(parts.query, keep_blank_values=True, strict_parsing=True)
    except (binascii.Error, ValueError) as error:
        raise BadToken(f"the token is not a URL: {error}") from error
    if "=" in text:
        raise BadToken("the token carries padding")
    if parts.scheme != "https" or not _HOST.match(parts.netloc) or parts.path not in ("", "/"):
        raise BadToken("the URL is not one of a regional STS endpoint")
    query = {name.lower(): values[0] for name, values in pairs.items()}
    if any(len(values) > 1 for values in pairs.values()) or not query.keys() <= _ALLOWED:
        raise BadToken("the URL has parameters that do not belong there")
    if query.get("action") != "GetCallerIdentity":
        raise BadToken("the URL is not one of GetCallerIdentity")
    return parts.netloc, query


_SPELLING = {
    "action": "Action",
    "version": "Version",
    "x-amz-algorithm": "X-Amz-Algorithm",
    "x-amz-credential": "X-Amz-Credential",
    "x-amz-date": "X-Amz-Date",
    "x-amz-expires": "X-Amz-Expires",
    "x-amz-security-token": "X-Amz-Security-Token",
    "x-amz-signedheaders": "X-Amz-SignedHeaders",
}


def _signature(host: str, query: dict[str, str], cluster: str, secret: str) -> str:
    """Signature version 4 of the presigned GET, with the cluster's name as the header that STS would be sent."""
    pairs = sorted((_SPELLING[k], v) for k, v in query.items() if k != "x-amz-signature")
    canonical_query = "&".join(f"{quote(k, safe='-_.~')}={quote(v, safe='-_.~')}" for k, v in pairs)
    headers = {"host": host, CLUSTER_HEADER: cluster}
    signed = query["x-amz-signedheaders"].split(";")
    canonical_headers = "".join(f"{name}:{headers.get(name, '')}\n" for name in signed)
    empty = hashlib.sha256(b"").hexdigest()
    lines = ["GET", "/", canonical_query, canonical_headers, ";".join(signed), empty]
    scope = query["x-amz-credential"].partition("/")[2]
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    to_sign = "\n".join(["AWS4-HMAC-SHA256", query["x-amz-date"], scope, digest])
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
