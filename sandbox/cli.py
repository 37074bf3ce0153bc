"""`raygpu sandbox`: the local world, with or without the bot, for a person in a page or for a program over its API."""

from __future__ import annotations

import faulthandler
import json
import signal
import threading
from typing import Annotated, Any

import typer

from sandbox.local import Choice, LocalWorld
from sandbox.loopback import is_free

DEMO_PORT = 8080
KUBERNETES = ("builtin", "real")


def sandbox(  # noqa: PLR0913, PLR0917 - the options of a command are its parameters
    headless: Annotated[bool, typer.Option(help="Print one JSON line when ready, and stay up.")] = False,
    speed: Annotated[float, typer.Option(min=0.01, max=100_000, help="World seconds per real second.")] = 60.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same world.")] = 0,
    no_bot: Annotated[bool, typer.Option("--no-bot", help="Start everything but the bot.")] = False,
    socket_mode: Annotated[bool, typer.Option("--socket-mode", help="Speak Socket Mode instead of HTTP.")] = False,
    kubernetes: Annotated[str, typer.Option(help="builtin, or real: a control plane for each cluster.")] = "builtin",
    port: Annotated[
        int | None, typer.Option(help="Of the page; default 8080 where it is free, with --headless any free one.")
    ] = None,
) -> None:
    """A local world on the wire: Slack with a page, AWS, Kubernetes, Redis. Costs nothing, touches nothing outside."""
    if kubernetes not in KUBERNETES:
        raise typer.BadParameter(f"{kubernetes!r} is neither builtin nor real.", param_hint="--kubernetes")
    chosen = port if port is not None else (DEMO_PORT if not headless and is_free(DEMO_PORT) else 0)
    real = kubernetes == "real"
    world = LocalWorld(Choice(speed=speed, seed=seed, bot=not no_bot, socket_mode=socket_mode, port=chosen, real=real))
    ended = threading.Event()
    faulthandler.register(signal.SIGUSR1)  # kill -USR1: where every thread stands, on standard error
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    try:
        ready = _started(world)
        if headless:
            typer.echo(json.dumps(ready))
        else:
            typer.echo(f"\nraygpu's sandbox is ready: {ready['page']}\n")
            typer.echo("Type /raygpu create demo, switch to Bob, click Approve. One world minute passes in a second.")
            typer.echo("Ctrl-C ends it.")
        # Timed: a signal that the kernel gives to another thread does not interrupt an endless wait of this one.
        while not ended.wait(1.0):
            pass
    finally:
        world.stop()


def _started(world: LocalWorld) -> dict[str, Any]:
    """The ready line; what keeps the world from starting is one sentence, not a traceback."""
    try:
        return world.start()
    except RuntimeError as failed:
        typer.echo(f"The sandbox did not start: {failed}", err=True)
        raise typer.Exit(1) from None
