"""Slack on the wire, for the sandbox: Web API, signed deliveries, Socket Mode, control API and faults.

`SlackSandbox` is the way in. Real slack_bolt and slack_sdk work against it unchanged; only their base URL differs.
"""

from sandbox.slack.assembly import SlackSandbox
from sandbox.slack.errors import Misuse, SlackError
from sandbox.slack.faults import UnknownFault

__all__ = ["Misuse", "SlackError", "SlackSandbox", "UnknownFault"]
