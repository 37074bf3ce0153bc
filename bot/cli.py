"""The `raygpu` command. The sandbox, where it is installed, adds its own command through an entry point."""

from __future__ import annotations

import sys
from importlib import metadata
from typing import Annotated

import typer

from bot import log
from bot.settings import Settings, SettingsError, read
from domain.errors import RaygpuError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)


def _settings() -> Settings:
    """The settings, or every fault on standard error and exit code 2."""
    try:
        settings = read()
    except SettingsError as error:
        for fault in error.faults:
            typer.echo(fault, err=True)
        raise typer.Exit(2) from None
    log.configure(settings.log_format)
    return settings


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"raygpu {metadata.version('raygpu')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    """GPU clusters for Ray on Amazon EKS, from Slack."""


@app.command()
def run() -> None:
    """Everything in one process: web (or Socket Mode), worker and tick."""
    _serve(web=True, worker=True, ticks=True)


@app.command()
def web() -> None:
    """Slack's requests only."""
    _serve(web=True, worker=False, ticks=False)


@app.command()
def worker() -> None:
    """The reconcile only."""
    _serve(web=False, worker=True, ticks=False)


@app.command()
def scheduler() -> None:
    """The tick only."""
    _serve(web=False, worker=False, ticks=True)


def _serve(*, web: bool, worker: bool, ticks: bool) -> None:
    settings = _settings()
    from bot.processes import Roles, serve  # after the settings: their faults are told without a second's imports

    try:
        serve(settings, Roles(web=web, worker=worker, ticks=ticks))
    except RaygpuError as error:
        typer.echo(error.message, err=True)
        raise typer.Exit(1) from None


@app.command()
def setup(
    region: Annotated[list[str] | None, typer.Option(help="Default: the configuration's regions.")] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Print what would be done and do nothing.")] = False,
) -> None:
    """Make the foundation stack (network and roles) in each region. Needs an administrator's credentials."""
    from bot.setup import run_setup

    sys.exit(run_setup(tuple(region or ()), plan, typer.echo))


@app.command()
def doctor() -> None:
    """Examine raygpu: Slack, Redis, AWS, loops, configuration. Exit code 1 when something is to be mended."""
    settings = _settings()
    from bot.checkup import run_doctor

    sys.exit(run_doctor(settings, typer.echo))


@app.command()
def audit(
    since: Annotated[str, typer.Option(help="A time span (7d, 12h) or an ISO date or time, UTC. Default: all.")] = "",
    cluster: Annotated[str, typer.Option(help="The name or the id of a cluster, ended ones as well.")] = "",
) -> None:
    """Print the audit as JSON lines, oldest first."""
    from bot.audit import audit as print_audit

    print_audit(since, cluster)


def main() -> None:
    """The console script."""
    for entry in metadata.entry_points(group="raygpu.commands"):
        try:
            command = entry.load()
        except ModuleNotFoundError as missing:
            if str(missing.name).partition(".")[0] == entry.module.partition(".")[0]:
                raise  # its own module is gone: a broken installation
            continue  # its extra is not installed: the image has no sandbox
        app.command(name=entry.name)(command)
    app()
