"""The configuration file (YAML): what is allowed, who approves, and where the foundation lies. Faults name their line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bot import config_checks, config_lines
from bot.config_lines import Parsed
from bot.config_schema import Config, GivenFoundation

__all__ = ["Config", "ConfigError", "GivenFoundation", "load"]

_WORDS = {
    "missing": "is missing",
    "dict_type": "must be a mapping (name: value)",
    "model_type": "must be a mapping (name: value)",
    "tuple_type": "must be a list",
    "frozen_set_type": "must be a list",
    "too_short": "is empty; name at least {min_length}",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "finite_number": "must be a number",
}


class ConfigError(ValueError):
    """The file cannot be used; `faults` says why, one line each, with file and line."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


def load(path: Path | None) -> Config:
    """The configuration; raises ConfigError (a ValueError) with every fault and its line in the file."""
    if path is None:
        return Config()
    parsed = _parsed(path)
    if not isinstance(parsed.content, dict | None):
        raise ConfigError([f"RAYGPU_CONFIG: {path} must hold a mapping, such as `approvers: [U012AB3CD]`."])
    config, found = _judged(parsed.content or {}, parsed)
    if config is None or found:
        ordered = sorted(set(found))
        raise ConfigError([f"RAYGPU_CONFIG: {path}, line {line}: {told}." for line, told in ordered])
    return config


def _parsed(path: Path) -> Parsed:
    try:
        return config_lines.parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError([f"RAYGPU_CONFIG: {path} cannot be read ({error.strerror})."]) from None
    except UnicodeDecodeError:
        raise ConfigError([f"RAYGPU_CONFIG: {path} is not text in UTF-8."]) from None
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}: it" if mark is not None else ""
        said = " ".join(str(getattr(error, "problem", None) or "it is nested too deeply").split())
        raise ConfigError([f"RAYGPU_CONFIG: {path}{where} is not YAML: {said}."]) from None


def _judged(content: Mapping[str, Any], parsed: Parsed) -> tuple[Config | None, list[tuple[int, str]]]:
    """The configuration where its shape is right, and every fault as (line, sentence)."""
    found = [(line, f"{_path(place)} stands there a second time") for place, line in parsed.doubled]
    wrong: set[str] = set()
    try:
        config = Config.model_validate(content)
    except ValidationError as error:
        found += [_told(fault, parsed) for fault in error.errors()]
        wrong = {str(fault["loc"][0]) for fault in error.errors() if fault["loc"]}
        config = Config.model_validate({key: held for key, held in content.items() if str(key) not in wrong})
    between = config_checks.faults(config, wrong)
    found += [(parsed.line(place), f"{_path(place)}: {words}") for place, words in between]
    return (None if wrong else config), found


def _told(fault: ErrorDetails, parsed: Parsed) -> tuple[int, str]:
    """A fault of pydantic's as (line, sentence)."""
    loc = tuple(part for part in fault["loc"] if part != "[key]")
    place = tuple(str(part) for part in loc)
    line = parsed.line(place)
    if fault["type"] == "extra_forbidden":
        known = set(_known_at(place))
        return line, f"{_path(place)} is no field of the configuration{config_checks.suggestion(place[-1], known)}"
    if fault["input"] is None:
        return line, f"{_path(place)} has no value; give it one, or leave it out"
    words = _WORDS.get(fault["type"], "")
    if words:
        return line, f"{_path(place)} {words.format(**fault.get('ctx', {}))}"
    return line, f"{_path(place)}: {fault['msg'].removeprefix('Value error, ')}"


def _path(place: Sequence[str]) -> str:
    """`approval[0].group`: the way to a place as people write it; list items count from 0."""
    return "".join(f"[{part}]" if part.isdecimal() else f".{part}" for part in place).removeprefix(".")


def _known_at(place: Sequence[str]) -> Iterator[str]:
    """The names of the fields beside the last part of a place."""
    model: type[BaseModel] = Config
    for part in place[:-1]:
        named = {field.alias or name: field for name, field in model.model_fields.items()}
        if part in named:
            model = next(_models(named[part].annotation), model)
    return (field.alias or name for name, field in model.model_fields.items())


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)
