"""No secret passes the log, whoever writes the line."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest
import structlog

from bot import log

SECRETS = (
    "xoxb-123-abc",
    "xapp-1-A0-zz",
    "AKIAIOSFODNN7EXAMPLE",
    "k8s-aws-v1.aHR0cHM6Ly9zdHM",
    "https://sts/?X-Amz-Signature=0123abcd&x=1",
    "redis://user:hunter2@host:6379/0",
)


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What is written; the root logger is as before afterwards."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    log.configure("json")
    yield stream
    root.handlers[:], level = before
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_is_cut_out_of_every_way_to_log(lines: io.StringIO, secret: str) -> None:
    """As part of a message, as an argument, as a field, and inside an exception's text."""
    core = secret.split("=")[1].split("&")[0] if "Signature" in secret else "hunter2" if "hunter2" in secret else secret
    logging.getLogger("a").info("said %s", secret)
    structlog.get_logger("b").info("said", token=secret)
    try:
        raise ValueError(secret)
    except ValueError:
        logging.getLogger("c").exception("failed")
    written = lines.getvalue()
    assert written.count("\n") == 3
    assert core not in written


def test_what_is_no_secret_stays(lines: io.StringIO) -> None:
    """The rest of the line is untouched."""
    logging.getLogger("a").info("demo-x7k2q: create the node group %s", "gpu-node-group")
    assert "demo-x7k2q: create the node group gpu-node-group" in lines.getvalue()
