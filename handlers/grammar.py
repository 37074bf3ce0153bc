"""The grammar of `/raygpu`: from a typed line to one command of the manual. Raises nothing but Refused, with a hint."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from blocks.manual import BY_NAME, COMMANDS, Command, Option, about
from domain.errors import Refused
from domain.words import Said, say
from handlers.typed import MOST_CHARACTERS, Word, plain_text, words

ECHO = 40
HELP = ("?", "help", "--help", "--h")
ALIASES = {alias: command.name for command in COMMANDS for alias in command.aliases}
GROUPS = tuple(dict.fromkeys(c.name.partition(" ")[0] for c in COMMANDS if " " in c.name))
FIRST_WORDS = tuple(dict.fromkeys(c.name.partition(" ")[0] for c in COMMANDS))
_PERSON = re.compile(r"(?:<@)?([UW][A-Z0-9]{2,20})>?")
_COUNT = re.compile(r"[0-9]{1,6}")


@dataclass(frozen=True, slots=True)
class Line:
    """A command of the manual as it was typed: one word per slot (empty where it was left out), options by name."""

    command: str
    words: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)


def parse(text: str) -> Line:
    """What somebody typed behind `/raygpu`; raises Refused with a sentence that says what would be right."""
    if len(text) > MOST_CHARACTERS:
        words_ = say("That is more than {most} characters; a command is a line.", most=MOST_CHARACTERS)
        raise Refused("TooLong", words_)
    typed = words(plain_text(text))
    while typed and (typed[0].text.startswith("/") or typed[0].text.lower() == "raygpu"):
        typed = typed[1:]
    if not typed or typed[0].text.lower() in HELP:
        return Line("help", (_topic(typed[1:]),))
    command, rest = _command(typed)
    if command is None or any(word.is_option and word.text.lower() in HELP for word in rest):
        return Line("help", (command.name if command else typed[0].text.lower(),))
    left, options = _options(command, rest)
    return Line(command.name, _slots(command, left), options)


def _topic(rest: Sequence[Word]) -> str:
    """What help is wanted on: nothing, a command, or a group of them."""
    asked = [word for word in rest if not word.is_option]
    if not asked:
        return ""
    command, _ = _command(asked)
    return command.name if command else asked[0].text.lower()


def _command(typed: Sequence[Word]) -> tuple[Command | None, list[Word]]:
    """The command and the words behind it; none where only a group (`admin`) was named."""
    first = typed[0].text.lower()
    first = ALIASES.get(first, first)
    if first in GROUPS:
        return _of_group(first, typed[1:])
    if first not in BY_NAME:
        hint = _meant(first, FIRST_WORDS)
        raise Refused("UnknownCommand", say("“{word}” is no command. {hint}", word=_echo(typed[0].text), hint=hint))
    return BY_NAME[first], list(typed[1:])


def _of_group(group: str, rest: Sequence[Word]) -> tuple[Command | None, list[Word]]:
    if not rest or (rest[0].is_option and rest[0].text.lower() in HELP):
        return None, []
    name = f"{group} {rest[0].text.lower()}"
    if name not in BY_NAME:
        among = tuple(command.name.partition(" ")[2] for command in about(group))
        hint = _meant(rest[0].text.lower(), among)
        told = say("`{group}` has no “{word}”. {hint}", group=group, word=_echo(rest[0].text), hint=hint)
        raise Refused("UnknownCommand", told)
    return BY_NAME[name], list(rest[1:])


def _options(command: Command, rest: Sequence[Word]) -> tuple[list[Word], dict[str, str]]:
    """The words that are no options, and the options."""
    given: dict[str, str] = {}
    left, kept = list(rest), []
    while left:
        word = left.pop(0)
        if not word.is_option:
            kept.append(word)
            continue
        name, equals, value = word.text[2:].partition("=")
        option = _option(command, name)
        if option.name in given:
            raise Refused("GivenTwice", say("--{name} is given twice.", name=option.name), option.name)
        if option.takes and equals:
            left.insert(0, Word(value, quoted=word.quoted))
        given[option.name] = _value(option, left) if option.takes else _flag(option, equals)
    return kept, given


def _option(command: Command, name: str) -> Option:
    typed = name.lower()
    found = next((option for option in command.options if typed in (option.name, *option.aliases)), None)
    if found is not None:
        return found
    if not command.options:
        words_ = say(
            "`{command}` has no option --{name}. `/raygpu help {command}` shows it.",
            command=command.name,
            name=_echo(name),
        )
        raise Refused("UnknownOption", words_)
    hint = _meant(typed, tuple(f"--{option.name}" for option in command.options))
    told = say("`{command}` has no option --{name}. {hint}", command=command.name, name=_echo(name), hint=hint)
    raise Refused("UnknownOption", told)


def _flag(option: Option, equals: str) -> str:
    if equals:
        raise Refused("UnexpectedValue", say("--{name} takes no value.", name=option.name), option.name)
    return "yes"


def _value(option: Option, left: list[Word]) -> str:
    """One word, or what stood in quotes; where people do not quote (a reason), all words up to the next option."""
    if not left or left[0].is_option or not left[0].text:
        told = say("--{name} needs a value, for example --{name} {example}.", name=option.name, example=option.example)
        raise Refused("ValueMissing", told, option.name)
    first = left.pop(0)
    taken = [first.text]
    while option.takes.endswith("…") and not first.quoted and left and not left[0].is_option:
        taken.append(left.pop(0).text)
    value = " ".join(taken)
    if option.among and value.lower() not in option.among:
        hint = _meant(value.lower(), option.among)
        told = say("--{name} cannot be “{value}”. {hint}", name=option.name, value=_echo(value), hint=hint)
        raise Refused("UnknownValue", told, option.name)
    return value.lower() if option.among else value


def _slots(command: Command, left: list[Word]) -> tuple[str, ...]:
    """One text for each slot of the command."""
    found: list[str] = []
    for slot in command.slots.split():
        optional, name = slot.startswith("["), slot.strip("[]")
        if optional and name.isalpha() and name.islower():  # a filler word
            left = left[1:] if left and left[0].text.lower() == name else left
            continue
        take = len(left) if name.endswith("…") else 1
        if optional and "NAME" in name and left and left[0].text[:1].isdigit():
            take = 0  # a name begins with a letter: this is what stands in the next slot
        text = " ".join(word.text for word in left[:take])
        if not text and not optional:
            raise Refused("WordMissing", _missing(command, name), name.lower())
        among = tuple(name.split("|")) if "|" in name and not optional else ()
        found.append(_one_of(among, text) if among else _checked(name, text, command))
        left = left[take:]
    if left:
        raise Refused("UnexpectedWord", _too_many(command, left[0].text), "name")
    return tuple(found)


def _checked(name: str, text: str, command: Command) -> str:
    if name == "@USER" and text:
        person = _PERSON.fullmatch(text)
        if person is None:
            told = say(
                "“{word}” is nobody Slack told me of: type @ and choose the person from the list.", word=_echo(text)
            )
            raise Refused("UnknownPerson", told, "user")
        return person.group(1)
    if name == "N" and not _COUNT.fullmatch(text):
        told = say(
            "“{word}” is no whole number; for example `/raygpu {example}`.",
            word=_echo(text),
            example=command.examples[0],
        )
        raise Refused("BadNumber", told, "n")
    return text


def _one_of(among: tuple[str, ...], text: str) -> str:
    """One of the words that a slot takes; raises Refused."""
    if text.lower() in among:
        return text.lower()
    told = say("“{word}” is none of {names}.", word=_echo(text), names=", ".join(among))
    raise Refused("UnknownValue", told, among[0])


def _missing(command: Command, slot: str) -> Said:
    if slot == "NAME":
        return say("Which cluster? `/raygpu {usage}`; `/raygpu list` shows their names.", usage=command.usage)
    return say(
        "Something is missing: `/raygpu {usage}`, for example `/raygpu {example}`.",
        usage=command.usage,
        example=command.examples[0],
    )


def _too_many(command: Command, word: str) -> Said:
    if command.name == "create":
        return say(
            "“{word}” is one word too many. A cluster has one name; put a reason behind --reason.", word=_echo(word)
        )
    return say(
        "“{word}” is one word too many. `/raygpu help {command}` shows how it goes.",
        word=_echo(word),
        command=command.name,
    )


def _meant(word: str, among: tuple[str, ...]) -> Said:
    plain = {one.lstrip("-"): one for one in among}
    close = difflib.get_close_matches(word[:ECHO], plain, n=1, cutoff=0.6)
    if close:
        return say("Did you mean {word}?", word=plain[close[0]])
    return say("There are: {names}. `/raygpu help` says what they do.", names=", ".join(among))


def _echo(word: str) -> str:
    return word if len(word) <= ECHO else word[: ECHO - 1] + "…"
