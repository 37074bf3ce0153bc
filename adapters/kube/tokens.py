"""Bearer tokens of EKS: a presigned STS GetCallerIdentity URL that names the cluster in a signed header.

The API server takes one for 15 minutes from X-Amz-Date (aws-iam-authenticator); ours are signed anew after 10.
"""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable

import boto3
from botocore import exceptions as sdk
from botocore.model import ServiceId
from botocore.signers import RequestSigner

from domain.errors import Denied, Unavailable

RENEW_AFTER_S = 600.0
_EXPIRES_S = 60  # STS ignores it on this call; the API server accepts up to 900


class EksTokens:
    """Tokens per (region, cluster), kept until they are ten real minutes old; safe to share between threads."""

    def __init__(self, session: boto3.Session, now: Callable[[], float] = time.time) -> None:
        self._session = session
        self._now = now
        self._kept: dict[tuple[str, str], tuple[float, str]] = {}
        self._lock = threading.Lock()

    def bearer(self, region: str, cluster: str) -> str:
        """`Bearer k8s-aws-v1.…`. Raises Denied without credentials, Unavailable when they cannot be renewed."""
        key = (region, cluster)
        with self._lock:
            signed_at, token = self._kept.get(key, (0.0, ""))
            if not token or not 0 <= self._now() - signed_at < RENEW_AFTER_S:
                signed_at, token = self._now(), self._sign(region, cluster)
                self._kept[key] = (signed_at, token)
            return f"Bearer {token}"

    def drop(self, region: str, cluster: str) -> None:
        """The API server refused the token: the next call signs a new one."""
        with self._lock:
            self._kept.pop((region, cluster), None)

    def _sign(self, region: str, cluster: str) -> str:
        try:
            url = self._presigned(region, cluster)
        except (sdk.NoCredentialsError, sdk.PartialCredentialsError, sdk.ProfileNotFound) as error:
            words = "The bot finds no AWS credentials to sign a Kubernetes token with. Give it a role or a profile."
            raise Denied("NoCredentials", words) from error
        except sdk.BotoCoreError as error:
            words = f"No Kubernetes token for {cluster}: the AWS credentials could not be renewed."
            raise Unavailable("CredentialsUnavailable", words) from error
        return "k8s-aws-v1." + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")

    def _presigned(self, region: str, cluster: str) -> str:
        credentials = self._session.get_credentials()
        if credentials is None:
            raise sdk.NoCredentialsError()
        signer = RequestSigner(ServiceId("STS"), region, "sts", "v4", credentials, self._session.events)
        domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        request = {
            "method": "GET",
            "url": f"https://sts.{region}.{domain}/?Action=GetCallerIdentity&Version=2011-06-15",
            "body": {},
            "headers": {"x-k8s-aws-id": cluster},
            "context": {},
        }
        return str(signer.generate_presigned_url(request, region_name=region, expires_in=_EXPIRES_S, operation_name=""))
