"""The grammar of `/raygpu`: from a typed line to one command. Never raises anything but Refused, with a hint."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from domain.errors import Refused
from domain.request import CreateOptions
from handlers.typed import MOST_CHARACTERS, Word, plain_text, words

COMMANDS = ("create", "status", "list", "delete", "help")
ALIASES = {"new": "create", "show": "status", "ls": "list", "rm": "delete", "remove": "delete", "destroy": "delete"}
VALUED = ("gpu", "gpus", "max", "ttl", "region", "team", "reason", "ami")
FLAGS = ("spot", "no-smoke", "plan")
OPTION_ALIASES = {"nodes": "gpus", "type": "gpu", "lifetime": "ttl"}
EXAMPLES = {
    "gpu": "g5.xlarge",
    "gpus": "2",
    "max": "4",
    "ttl": "8h",
    "region": "us-west-2",
    "team": "vision",
    "reason": "fine-tuning",
    "ami": "al2023",
}
ECHO = 40


@dataclass(frozen=True, slots=True)
class Create:
    """`create`; `bare` when nothing stood behind it, so that a form shall open."""

    options: CreateOptions
    plan: bool = False
    bare: bool = False


@dataclass(frozen=True, slots=True)
class Status:
    """`status NAME`."""

    name: str


@dataclass(frozen=True, slots=True)
class Listing:
    """`list SCOPE`; the query judges the scope."""

    scope: str


@dataclass(frozen=True, slots=True)
class Delete:
    """`delete NAME`."""

    name: str


@dataclass(frozen=True, slots=True)
class Help:
    """`help`, or the help of one command."""

    topic: str = ""


Command = Create | Status | Listing | Delete | Help


def parse(text: str) -> Command:
    """The command somebody typed behind `/raygpu`; raises Refused with a sentence that says what would be right."""
    if len(text) > MOST_CHARACTERS:
        raise Refused("TooLong", f"That is more than {MOST_CHARACTERS} characters; a command is a line.")
    typed = words(plain_text(text))
    if typed and typed[0].text.lower() in ("/raygpu", "raygpu"):
        typed = typed[1:]
    if not typed or typed[0].text.lower() in ("?", "--help", "-h"):
        return Help()
    command = _command(typed[0].text)
    rest = typed[1:]
    if any(word.text.lower() in ("--help", "-h") for word in rest):
        return Help(command)
    if command == "create":
        return _create(rest)
    if command == "help":
        return Help(_command(rest[0].text)) if rest else Help()
    return _named(command, rest)


def _command(word: str) -> str:
    command = ALIASES.get(word.lower(), word.lower())
    if command not in COMMANDS:
        raise Refused("UnknownCommand", f"“{_echo(word)}” is no command.{_meant(command, COMMANDS, '')}")
    return command


def _named(command: str, rest: list[Word]) -> Command:
    odd = next((word.text for word in rest if word.is_option), None)
    if odd is not None:
        raise Refused("UnknownOption", f"`{command}` has no option {_echo(odd)}. `/raygpu help {command}` shows it.")
    if len(rest) > 1:
        extra = _echo(rest[1].text)
        raise Refused("UnexpectedWord", f"“{extra}” is one word too many. `/raygpu help {command}` shows how it goes.")
    if command == "list":
        return Listing(rest[0].text.lower() if rest else "mine")
    if not rest:
        raise Refused(
            "NameMissing", f"Which cluster? `/raygpu {command} NAME`; `/raygpu list` shows their names.", "name"
        )
    return Status(rest[0].text) if command == "status" else Delete(rest[0].text)


def _create(rest: list[Word]) -> Create:
    given: dict[str, str] = {}
    left = list(rest)
    while left:
        word = left.pop(0)
        if not word.is_option:
            if "name" in given:
                hint = "A cluster has one name; put a reason behind --reason."
                raise Refused("UnexpectedWord", f"“{_echo(word.text)}” is one word too many. {hint}", "name")
            given["name"] = word.text
            continue
        name, equals, value = word.text[2:].partition("=")
        name = OPTION_ALIASES.get(name.lower(), name.lower())
        _known(name, given)
        if equals and name not in FLAGS:
            left.insert(0, Word(value, quoted=word.quoted))
        given[name] = _flag(name, equals) if name in FLAGS else _value(name, left)
    return _made(given, bare=not rest)


def _made(given: dict[str, str], *, bare: bool) -> Create:
    text = {name: given.get(name, "") for name in ("name", *VALUED)}
    options = CreateOptions(
        name=text["name"],
        gpu=text["gpu"],
        gpus=text["gpus"],
        max=text["max"],
        ttl=text["ttl"],
        region=text["region"],
        team=text["team"],
        reason=text["reason"],
        ami=text["ami"],
        spot="spot" in given,
        smoke="no-smoke" not in given,
    )
    return Create(options, plan="plan" in given, bare=bare)


def _known(name: str, given: dict[str, str]) -> None:
    if name not in VALUED and name not in FLAGS:
        meant = _meant(name, (*VALUED, *FLAGS), "--")
        raise Refused("UnknownOption", f"`create` has no option --{_echo(name)}.{meant}")
    if name in given:
        raise Refused("GivenTwice", f"--{name} is given twice.", name)


def _flag(name: str, equals: str) -> str:
    if equals:
        raise Refused("UnexpectedValue", f"--{name} takes no value.", name)
    return "yes"


def _value(name: str, left: list[Word]) -> str:
    """One word, or what stood in quotes; for --reason, which people do not quote, all words up to the next option."""
    if not left or left[0].is_option or not left[0].text:
        raise Refused("ValueMissing", f"--{name} needs a value, for example --{name} {EXAMPLES[name]}.", name)
    first = left.pop(0)
    taken = [first.text]
    while name == "reason" and not first.quoted and left and not left[0].is_option:
        taken.append(left.pop(0).text)
    return " ".join(taken)


def _meant(word: str, among: tuple[str, ...], prefix: str) -> str:
    close = difflib.get_close_matches(word[:ECHO], among, n=1, cutoff=0.6)
    if close:
        return f" Did you mean {prefix}{close[0]}?"
    return f" There are: {', '.join(prefix + one for one in among)}. `/raygpu help` says what they do."


def _echo(word: str) -> str:
    return word if len(word) <= ECHO else word[: ECHO - 1] + "…"
