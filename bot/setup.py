"""`raygpu setup`: the foundation stack in each region, planned or made, and followed until it stands."""

from __future__ import annotations

import threading
from collections.abc import Callable

from adapters.aws_session import AwsSession
from adapters.foundation import FoundationStack
from bot.settings import SettingsError, read_config
from domain.errors import OutsideError

POLL_S = 5.0
PATIENCE_S = 1800.0


def run_setup(regions: tuple[str, ...], plan: bool, say: Callable[[str], None]) -> int:
    """Exit code: 0 when every region is as it shall be (or was planned), 1 when one failed, 2 on bad settings."""
    try:
        config = read_config()
    except SettingsError as error:
        for fault in error.faults:
            say(fault)
        return 2
    stack = FoundationStack(AwsSession(), config.foundation_stack)
    codes = [_one(stack, region, plan, say) for region in regions or config.regions]
    return max(codes)


def _one(stack: FoundationStack, region: str, plan: bool, say: Callable[[str], None]) -> int:
    try:
        for line in stack.plan(region) if plan else stack.apply(region):
            say(line)
        return 0 if plan else _follow(stack, region, say)
    except OutsideError as error:
        say(f"{region}: {error.message}")
        return 1


def _follow(stack: FoundationStack, region: str, say: Callable[[str], None]) -> int:
    """CloudFormation takes minutes; a person at a terminal waits for it, so this may."""
    pause = threading.Event()
    told = ""
    for _ in range(int(PATIENCE_S / POLL_S)):
        status = stack.status(region)
        if status.detail != told:
            say(f"{region}: {status.detail or status.state}")
            told = status.detail
        if status.state == "ready":
            return 0
        if status.state in ("failed", "absent"):
            return 1
        pause.wait(POLL_S)
    say(f"{region}: still not ready; run the command again to go on.")
    return 1
