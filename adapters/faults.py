"""What AWS says when it does not do as asked: every AWS error code lives here, in named sets, and nowhere else.

`aws_call` wraps a call together with the reading of its answer and turns botocore's exceptions into those of
domain.errors, in sentences which name the missing permission and the fix.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus

from botocore import exceptions as sdk
from botocore.parsers import ResponseParserError

from domain.errors import Denied, Missing, OutsideError, Rejected, Taken, Throttled, Unavailable

DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "DependencyAccessDeniedException",
        "UnauthorizedException",
        "UnauthorizedOperation",
    }
)
# AWS does not know who is asking. Not enabled regions answer so, too.
STRANGER = frozenset(
    {
        "AuthFailure",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired", "RequestTimeTooSkewed"})
THROTTLED = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "PriorRequestNotComplete",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
NOT_FOUND = frozenset(
    {
        "InvalidGroup.NotFound",
        "InvalidGroupId.Malformed",
        "InvalidInstanceID.NotFound",
        "InvalidNetworkInterfaceID.NotFound",
        "InvalidSubnetID.NotFound",
        "InvalidVolume.NotFound",
        "LoadBalancerNotFound",
        "LoadBalancerNotFoundException",
        "NoSuchEntity",
        "NoSuchEntityException",
        "NoSuchResourceException",
        "NotFoundException",
        "ParameterNotFound",
        "ResourceNotFoundException",
    }
)
NOT_FOUND_TEXTS = ("does not exist", "name not found")
VAGUE = frozenset({"ValidationError", "InvalidParameterException"})  # only these need their words to be told apart
IN_USE = frozenset(
    {
        "AlreadyExistsException",
        "EntityAlreadyExists",
        "ResourceAlreadyExistsException",
        "ResourceInUseException",
        "TokenAlreadyExistsException",
    }
)
IN_USE_TEXTS = ("has been taken in this account",)  # IAM on a service-linked role, as InvalidInput
# Something else still holds it; once that is gone the same call passes.
HELD = frozenset(
    {
        "DependencyViolation",
        "InvalidGroup.InUse",
        "InvalidNetworkInterface.InUse",
        "IncorrectState",
        "OperationAbortedException",
        "ResourceInUse",
        "VolumeInUse",
    }
)
HELD_TEXTS = ("currently in use",)  # DeleteNetworkInterface may answer InvalidParameterValue with these words
# EKS: "invalid given the state of the cluster"; a service-linked role that still spreads; a stack that is at work.
NOT_NOW = frozenset(
    {
        "InvalidRequestException",
        "InvalidResourceStateException",
        "OperationInProgressException",
        "ResourcePropagationDelayException",
    }
)
WRONG_STATE = "InvalidRequest"  # the reason word of EKS's InvalidRequestException
NOT_NOW_TEXTS = ("_IN_PROGRESS state",)
# EKS answers InvalidParameterException with these words while a new role is still spreading through IAM.
ROLE_NOT_READY_TEXTS = (
    "Error in role params",
    "Role could not be assumed because the trusted entity is not correct",
    "doesn't have the Amazon EKS Managed Policies associated",
    "IAM role's policy must include",
)
SERVER_FAULT = frozenset(
    {
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "InternalServiceError",
        "InternalServiceErrorException",
        "ServerException",
        "ServiceException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "Unavailable",
    }
)
NOTHING_TO_CHANGE = "NothingToChange"
NOTHING_TO_CHANGE_TEXTS = ("No updates are to be performed", "No changes needed")

_ACTION = re.compile(r"not authorized to perform: ([A-Za-z0-9-]+:[A-Za-z0-9]+)")
_RESOURCE = re.compile(r"on resource: (\S+)")
_WHO = re.compile(r"User: (arn:\S+) is not authorized")
_EXPLICIT = re.compile(r"with an explicit deny(?: in an? ([a-z -]+))?")
_ENCODED = re.compile(r"\s*Encoded authorization failure message: \S+")

TRANSLATED = (sdk.ClientError, sdk.BotoCoreError, ResponseParserError, KeyError)


@contextmanager
def aws_call(action: str) -> Iterator[None]:
    """Raises domain.errors instead of botocore's; `action` is the IAM name of the call, as eks:CreateCluster.

    Holds the reading of the answer as well: a field that is not there means an answer that is none (a proxy's page,
    a cut reply), and an answer that is none must never be taken for an empty list.
    """
    try:
        yield
    except TRANSLATED as exc:
        raise translate(exc, action) from exc


def translate(exc: BaseException, action: str) -> OutsideError:
    """The error of domain.errors that means what `exc` means, for the AWS call `action`."""
    if isinstance(exc, sdk.ClientError):
        return _of_answer(_Answer.of(exc, action))
    said = _one_line(str(exc))
    for kinds, error, reason, sentence in _WITHOUT_ANSWER:
        if isinstance(exc, kinds):
            return error(reason, sentence.format(action=action, said=said))
    return Unavailable("UnreadableAnswer", f"What came back from {action} is no answer of AWS.")


# Looked through in order: the first that fits speaks.
_WITHOUT_ANSWER: tuple[tuple[tuple[type[Exception], ...], type[OutsideError], str, str], ...] = (
    (
        (sdk.ReadTimeoutError, sdk.ConnectTimeoutError),
        Unavailable,
        "TimedOut",
        "AWS did not answer {action} in time; it may have happened all the same.",
    ),
    (
        (sdk.NoCredentialsError, sdk.PartialCredentialsError, sdk.ProfileNotFound),
        Denied,
        "NoCredentials",
        "{action} was not tried: the bot finds no AWS credentials. Give it a role (Pod Identity, an instance profile) "
        "or a profile that the AWS SDK can see.",
    ),
    (
        (sdk.CredentialRetrievalError, sdk.SSOError, sdk.TokenRetrievalError),
        Unavailable,
        "CredentialsUnavailable",
        "{action} was not tried: the AWS credentials could not be renewed.",
    ),
    (
        (sdk.ParamValidationError, sdk.NoRegionError, sdk.InvalidRegionError),
        Rejected,
        "InvalidParameter",
        "{action} was not tried: {said}",
    ),
    (
        (sdk.HTTPClientError, sdk.ConnectionError),
        Unavailable,
        "Unreachable",
        "AWS could not be reached for {action}: {said}",
    ),
)


@dataclass(frozen=True, slots=True)
class _Answer:
    """An error answer of AWS, in the parts that matter."""

    action: str
    code: str
    text: str
    status: int
    retry_after: float | None
    zones: tuple[str, ...]

    @classmethod
    def of(cls, exc: sdk.ClientError, action: str) -> _Answer:
        error, meta = exc.response.get("Error", {}), exc.response.get("ResponseMetadata", {})
        wait = str(meta.get("HTTPHeaders", {}).get("retry-after", ""))
        return cls(
            action,
            str(error.get("Code", "")),
            _one_line(str(error.get("Message", ""))),
            int(meta.get("HTTPStatusCode") or 0),
            float(wait) if wait.isdigit() else None,
            tuple(exc.response.get("validZones") or ()),
        )

    @property
    def reason(self) -> str:
        """AWS's own code as one word."""
        return re.sub(r"[^A-Za-z0-9]", "", self.code.removesuffix("Exception"))

    @property
    def sentence(self) -> str:
        """What AWS said to what."""
        return f"AWS on {self.action}: {self.text or self.code}"

    def says(self, words: Iterable[str]) -> bool:
        """Whether the message has one of these in it."""
        return any(part in self.text for part in words)


def _of_answer(answer: _Answer) -> OutsideError:
    caller = _of_caller(answer)
    if caller is not None:
        return caller
    # A code that is a mere number is botocore's word for a body that was not AWS's (a proxy's 404, a gateway's 502).
    if answer.code in THROTTLED or answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return Throttled("Throttled", f"AWS asked for fewer calls of {answer.action}.", answer.retry_after)
    if answer.code in SERVER_FAULT or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        words = f"AWS failed on {answer.action} ({answer.code}); it may have happened all the same."
        return Unavailable("ServerFault", words)
    if answer.code.isdigit() or not answer.code:
        return Unavailable("UnreadableAnswer", f"What came back from {answer.action} is no answer of AWS.")
    if answer.status == HTTPStatus.FORBIDDEN:
        return Denied("AccessDenied", denial(answer.text, answer.action))
    return _of_state(answer)


def _of_caller(answer: _Answer) -> OutsideError | None:
    """The answers that speak of who is asking."""
    if answer.code in EXPIRED or answer.says(("Signature expired",)):
        words = f"{answer.sentence} The credentials or this machine's clock are out of date."
        return Unavailable("CredentialsExpired", words)
    if answer.code in STRANGER:
        return Denied(
            "CredentialsRefused",
            f"AWS does not accept the bot's credentials for {answer.action} ({answer.code}). Check them, and that the "
            "account has the region enabled.",
        )
    return Denied("AccessDenied", denial(answer.text, answer.action)) if answer.code in DENIED else None


def _of_state(answer: _Answer) -> OutsideError:
    """The answers that speak of the thing itself."""
    vague, said = answer.code in VAGUE, answer.sentence
    if vague and answer.says(NOTHING_TO_CHANGE_TEXTS):
        return Rejected(NOTHING_TO_CHANGE, said)
    if vague and answer.says(ROLE_NOT_READY_TEXTS):
        return Missing("RoleNotReady", f"{said} A new role takes a minute or two to be known everywhere.")
    if answer.code in NOT_FOUND or (vague and answer.says(NOT_FOUND_TEXTS)):
        return Missing(answer.reason, said)
    held = answer.code in HELD or answer.says(HELD_TEXTS)
    if held or answer.code in NOT_NOW or (vague and answer.says(NOT_NOW_TEXTS)):
        return Unavailable(answer.reason, f"{said} Something else still holds it." if held else said)
    if answer.code in IN_USE or answer.says(IN_USE_TEXTS):
        return Taken(answer.reason, said)
    hint = f" Zones that would do: {', '.join(answer.zones)}." if answer.zones else ""
    return Rejected(answer.reason, f"{said}{hint}")


def denial(text: str, action: str) -> str:
    """A plain sentence out of AWS's denial: the permission that is missing, on what, for whom, and what to do."""
    named, what, who = _ACTION.search(text), _RESOURCE.search(text), _WHO.search(text)
    on = f" on {what.group(1).rstrip('.')}" if what else ""
    as_whom = f" (as {who.group(1)})" if who else ""
    missing = named.group(1) if named else action
    explicit = _EXPLICIT.search(text)
    if explicit:
        where = (explicit.group(1) or "policy").strip()
        return f"The bot may not do {missing}{on}{as_whom}: an explicit deny in a {where} forbids it. Ask who keeps it."
    return (
        f"The bot lacks the permission {missing}{on}{as_whom}. Add it to the bot's role: an administrator runs "
        "`raygpu setup`, or grants it in IAM."
    )


def _one_line(text: str) -> str:
    """AWS's words on one line, without the sealed blob EC2 appends, ended like a sentence."""
    line = " ".join(_ENCODED.sub("", text).split())
    return line if not line or line[-1] in ".!?" else f"{line}."
