"""Every way AWS says no becomes one of our errors, with a sentence that helps."""

from __future__ import annotations

import pytest
from aws_rig import REGION, session
from botocore import exceptions as sdk
from botocore.parsers import ResponseParserError

from adapters.faults import NOTHING_TO_CHANGE, aws_call, translate
from domain.errors import Denied, Missing, OutsideError, Rejected, Taken, Throttled, Unavailable


def answer(code: str, message: str = "words", status: int = 400, **extra: object) -> sdk.ClientError:
    meta = {"HTTPStatusCode": status, "HTTPHeaders": extra.pop("headers", {})}
    return sdk.ClientError({"Error": {"Code": code, "Message": message}, "ResponseMetadata": meta, **extra}, "Op")


@pytest.mark.parametrize(
    ("exc", "kind", "reason"),
    [
        (answer("ResourceNotFoundException", status=404), Missing, "ResourceNotFound"),
        (answer("ParameterNotFound", ""), Missing, "ParameterNotFound"),
        (answer("InvalidGroup.NotFound"), Missing, "InvalidGroupNotFound"),
        (answer("ValidationError", "Stack with id x does not exist"), Missing, "ValidationError"),
        (answer("ValidationError", "AutoScalingGroup name not found - 'x'"), Missing, "ValidationError"),
        (answer("ValidationError", "Parameters: [X] must have values"), Rejected, "ValidationError"),
        (answer("ValidationError", "No updates are to be performed."), Rejected, NOTHING_TO_CHANGE),
        (answer("ResourceInUseException", status=409), Taken, "ResourceInUse"),
        (answer("InvalidInput", "Service role name X has been taken in this account"), Taken, "InvalidInput"),
        (answer("DependencyViolation"), Unavailable, "DependencyViolation"),
        (
            answer("InvalidParameterValue", "Network interface 'eni-1' is currently in use."),
            Unavailable,
            "InvalidParameterValue",
        ),
        (answer("InvalidRequestException", "cluster is not ACTIVE"), Unavailable, "InvalidRequest"),
        (answer("ResourcePropagationDelayException", status=428), Unavailable, "ResourcePropagationDelay"),
        (
            answer("InvalidParameterException", "Role could not be assumed because the trusted entity is not correct"),
            Missing,
            "RoleNotReady",
        ),
        (answer("InvalidParameterException", "Subnets must be in two zones"), Rejected, "InvalidParameter"),
        (answer("ResourceLimitExceededException"), Rejected, "ResourceLimitExceeded"),
        (answer("ThrottlingException", status=429), Throttled, "Throttled"),
        (answer("RequestLimitExceeded", status=503), Throttled, "Throttled"),
        (answer("SomethingNew", status=429), Throttled, "Throttled"),
        (answer("ServerException", status=500), Unavailable, "ServerFault"),
        (answer("SomethingNew", status=503), Unavailable, "ServerFault"),
        (answer("ExpiredToken", status=403), Unavailable, "CredentialsExpired"),
        (answer("SignatureDoesNotMatch", "Signature expired: now", 403), Unavailable, "CredentialsExpired"),
        (answer("UnrecognizedClientException", status=403), Denied, "CredentialsRefused"),
        (answer("SomethingNew", status=403), Denied, "AccessDenied"),
        (sdk.ReadTimeoutError(endpoint_url="u"), Unavailable, "TimedOut"),
        (sdk.ConnectTimeoutError(endpoint_url="u"), Unavailable, "TimedOut"),
        (sdk.EndpointConnectionError(endpoint_url="u"), Unavailable, "Unreachable"),
        (sdk.ConnectionClosedError(endpoint_url="u"), Unavailable, "Unreachable"),
        (sdk.SSLError(endpoint_url="u", error="bad"), Unavailable, "Unreachable"),
        (sdk.NoCredentialsError(), Denied, "NoCredentials"),
        (sdk.CredentialRetrievalError(provider="p", error_msg="e"), Unavailable, "CredentialsUnavailable"),
        (sdk.ParamValidationError(report="name missing"), Rejected, "InvalidParameter"),
        (ResponseParserError("not xml"), Unavailable, "UnreadableAnswer"),
        (KeyError("cluster"), Unavailable, "UnreadableAnswer"),
    ],
)
def test_each_fault_becomes_its_error(exc: BaseException, kind: type[OutsideError], reason: str) -> None:
    """A fault of AWS or of the way to it is one kind of error with one reason word."""
    error = translate(exc, "eks:DescribeCluster")
    assert (type(error), error.reason) == (kind, reason)
    assert "eks:DescribeCluster" in error.message


def test_a_proxys_404_is_not_an_absence() -> None:
    """A bare HTTP 404, which botocore names by its number, is no answer of AWS: nothing may be taken for gone by it."""
    error = translate(answer("404", "Not Found", 404), "eks:DescribeCluster")
    assert (type(error), error.reason) == (Unavailable, "UnreadableAnswer")


def test_a_denial_names_permission_resource_caller_and_fix() -> None:
    """AccessDenied becomes a sentence with the action AWS named, what it was on, who asked, and what to do."""
    said = (
        "User: arn:aws:sts::111122223333:assumed-role/raygpu-bot/s is not authorized to perform: eks:CreateCluster on "
        "resource: arn:aws:eks:us-west-2:111122223333:cluster/x because no identity-based policy allows it"
    )
    error = translate(answer("AccessDeniedException", said, 403), "eks:DescribeCluster")
    assert isinstance(error, Denied)
    assert "lacks the permission eks:CreateCluster on arn:aws:eks:us-west-2:111122223333:cluster/x" in error.message
    assert "arn:aws:sts::111122223333:assumed-role/raygpu-bot/s" in error.message
    assert "raygpu setup" in error.message


def test_a_denial_without_words_names_the_call_and_hides_the_sealed_blob() -> None:
    """EC2's short denial still names the permission, and its encoded blob stays out."""
    said = "You are not authorized to perform this operation. Encoded authorization failure message: AbC123xyz"
    error = translate(answer("UnauthorizedOperation", said, 403), "ec2:DescribeSubnets")
    assert "lacks the permission ec2:DescribeSubnets" in error.message
    assert "AbC123xyz" not in error.message


def test_an_explicit_deny_is_not_sent_to_setup() -> None:
    """Where a policy forbids, granting more does not help, and the sentence says whose policy it is."""
    said = (
        "User: arn:aws:iam::1:user/b is not authorized to perform: eks:CreateCluster with an explicit deny in a service "
        "control policy"
    )
    error = translate(answer("AccessDeniedException", said, 403), "eks:CreateCluster")
    assert "explicit deny in a service control policy" in error.message
    assert "raygpu setup" not in error.message


def test_retry_after_is_kept() -> None:
    """Where AWS says how long to wait, the error carries it; where it does not, it carries none."""
    told = translate(answer("ThrottlingException", status=429, headers={"retry-after": "7"}), "eks:ListNodegroups")
    silent = translate(answer("ThrottlingException", status=429), "eks:ListNodegroups")
    assert isinstance(told, Throttled) and told.retry_after == 7
    assert isinstance(silent, Throttled) and silent.retry_after is None


def test_zones_that_would_do_are_named() -> None:
    """UnsupportedAvailabilityZone brings the zones that would do, and the sentence passes them on."""
    error = translate(
        answer("UnsupportedAvailabilityZoneException", validZones=["us-east-1a", "us-east-1b"]), "eks:CreateCluster"
    )
    assert isinstance(error, Rejected) and not error.retryable
    assert "us-east-1a, us-east-1b" in error.message


def test_the_cause_is_kept_and_our_own_errors_pass() -> None:
    """aws_call chains botocore's exception for the log and leaves errors that are already ours alone."""
    with pytest.raises(Missing) as found, aws_call("eks:DescribeCluster"):
        raise answer("ResourceNotFoundException", status=404)
    assert isinstance(found.value.__cause__, sdk.ClientError)
    with pytest.raises(Taken), aws_call("eks:DescribeCluster"):
        raise Taken("NameTaken", "mine")


def test_a_mistake_in_our_code_is_not_dressed_as_a_fault_of_aws() -> None:
    """Errors that no AWS call raises go through as they are."""
    with pytest.raises(ZeroDivisionError), aws_call("eks:DescribeCluster"):
        raise ZeroDivisionError


def test_one_client_per_service_and_region() -> None:
    """Clients are made once, so that connections are shared; another region has its own."""
    aws = session()
    assert aws.client("eks", REGION) is aws.client("eks", REGION)
    assert aws.client("eks", REGION) is not aws.client("eks", "eu-west-1")
    config = aws.client("eks", REGION).meta.config
    assert (config.connect_timeout, config.read_timeout, config.max_pool_connections) == (3, 10, 32)
    assert config.retries == {"mode": "standard", "total_max_attempts": 3}
