"""The environment, read here and nowhere else. Every fault is reported at once, in words."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.config import Config, ConfigError, load

SECRETS = ("SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET", "SLACK_APP_TOKEN", "RAYGPU_REDIS_URL")


class SettingsError(Exception):
    """The settings cannot be used; `faults` says why, one sentence each."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class _Environment(BaseSettings):
    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True)

    slack_bot_token: SecretStr = SecretStr("")
    slack_signing_secret: SecretStr = SecretStr("")
    slack_app_token: SecretStr = SecretStr("")
    slack_api_url: str = "https://slack.com/api/"
    raygpu_redis_url: str = ""
    raygpu_data_dir: Path = Path(".raygpu")
    raygpu_http_port: int = Field(3000, ge=1, le=65535)
    raygpu_http_bind: str = "0.0.0.0"  # noqa: S104 - a server in a container must be reachable from outside it
    raygpu_config: Path | None = None
    raygpu_clock_speed: float = Field(1.0, gt=0, le=100_000)
    raygpu_log: str = Field("json", pattern="^(json|console)$")


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings. Secrets are plain strings here; the log filter keeps them out of every line."""

    bot_token: str
    signing_secret: str
    app_token: str
    slack_api_url: str
    redis_url: str
    data_dir: Path
    http_port: int
    http_bind: str
    clock_speed: float
    log_format: str
    config: Config

    @property
    def socket_mode(self) -> bool:
        """True when Slack is spoken to over Socket Mode."""
        return bool(self.app_token)


def read() -> Settings:
    """The settings of this process; raises SettingsError with every fault found."""
    faults: list[str] = []
    try:
        env = _Environment(**_from_files(faults))
    except ValidationError as error:
        faults += [f"{str(e['loc'][0]).upper()}: {e['msg']}." for e in error.errors()]
        raise SettingsError(faults) from None
    config = Config()
    try:
        config = load(env.raygpu_config)
    except ConfigError as error:
        faults += error.faults
    faults += _missing(env)
    if faults:
        raise SettingsError(faults)
    return Settings(
        bot_token=env.slack_bot_token.get_secret_value(),
        signing_secret=env.slack_signing_secret.get_secret_value(),
        app_token=env.slack_app_token.get_secret_value(),
        slack_api_url=env.slack_api_url.rstrip("/") + "/",
        redis_url=env.raygpu_redis_url,
        data_dir=env.raygpu_data_dir,
        http_port=env.raygpu_http_port,
        http_bind=env.raygpu_http_bind,
        clock_speed=env.raygpu_clock_speed,
        log_format=env.raygpu_log,
        config=config,
    )


def read_config() -> Config:
    """The configuration alone, for commands that do not speak to Slack; raises SettingsError."""
    path = os.environ.get("RAYGPU_CONFIG")
    try:
        return load(Path(path) if path else None)
    except ConfigError as error:
        raise SettingsError(list(error.faults)) from None


def _from_files(faults: list[str]) -> dict[str, Any]:
    """A secret may come as the content of the file that NAME_FILE names (a mounted Kubernetes Secret)."""
    values = {}
    for name in SECRETS:
        path = os.environ.get(f"{name}_FILE")
        if not path:
            continue
        try:
            values[name.lower()] = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            faults.append(f"{name}_FILE: {path} cannot be read.")
    return values


def _missing(env: _Environment) -> list[str]:
    faults = []
    if not env.slack_bot_token.get_secret_value():
        faults.append("SLACK_BOT_TOKEN is not set (the bot user token, xoxb-…).")
    if not env.slack_signing_secret.get_secret_value() and not env.slack_app_token.get_secret_value():
        faults.append("Set SLACK_SIGNING_SECRET (HTTP) or SLACK_APP_TOKEN (Socket Mode, xapp-…).")
    return faults
