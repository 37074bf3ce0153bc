"""Every sentence a person may read is in every catalogue, and none is glued together where it could not be translated."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator

import collect
import pytest

from blocks.manual import COMMANDS
from blocks.tongue import ENGLISH, LANGUAGES
from domain.words import Said

OTHERS = [language for language in LANGUAGES if language != ENGLISH]
SPEAKING = ("blocks", "domain", "handlers", "services")

# A template that is a parameter: of the maker itself, and of one who picks it from a table of say("…").
NO_LITERAL = {("blocks/tongue.py", "t"), ("blocks/text.py", "count")}

# English that no person reads in Slack, or that stands there as it is in every language.
WHOLE_FILES = {
    "blocks/reference.py": "docs/commands.md, which is English",
    "blocks/snippets.py": "shell and YAML",
}
PLAIN = {
    "Awaiting approval": "a phase as the record has it; blocks.steps.NAMES says it",
    "Warming up": "a use as the record has it; blocks.evidence.USES says it",
    "GPU node": "a key",
    "the lease has passed to another worker": "for the log",
    "the record of {} is changing all the time": "for the log",
    "{} holds {} {}; {} more would pass {}.": "for the log; people get domain.quotas.explain",
    ": being put back.": "taken out of a stored condition, which is English",
    ": put back.": "put into it",
    "to come": "a mark in the scorecard",
    "the demo is on Monday": "what somebody might type",
    "Insufficient nvidia.com/gpu": "the scheduler's word",
    "Fleet Requests": "AWS' word",
}
WORDS = re.compile(r"[A-Za-z]{2,} [A-Za-z]{2,}")
WORD_BESIDE_A_HOLE = re.compile(r"\{\} [A-Za-z]{2,}(?![\w-])|(?<![\w-])[A-Za-z]{2,}:? \{\}")
CAPITALS = re.compile(r"[A-Z ]+")
PATTERN = re.compile(r"\(\\|\[a-z")  # a regular expression that reads somebody's words
MARKUP = re.compile(r"\*[^*\s][^*\n]*\*|`[^`\n]+`")
TAG = re.compile(r"<[^>]*>|`[^`]*`")
COMMAND = re.compile(rf"(?:{'|'.join(command.name.split()[0] for command in COMMANDS)}) .*")


def holes(template: str) -> set[str]:
    """The names in the braces."""
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


@pytest.fixture(params=OTHERS)
def language(request: pytest.FixtureRequest) -> str:
    """Each language but English."""
    return str(request.param)


def test_every_sentence_of_the_code_is_translated(language: str) -> None:
    """Each template stands in the catalogue with words of its own, seen by somebody after its last change."""
    catalogue = collect.read(language)
    wanting = [
        template
        for template in collect.templates()
        if not (found := catalogue.get(template)) or not found.string or found.fuzzy
    ]
    assert wanting == []


def test_the_catalogue_is_as_make_sentences_writes_it(language: str) -> None:
    """Nothing in it that the code does not say any more, and everything in its place."""
    is_fresh = (collect.LOCALE / f"{language}.po").read_text(encoding="utf-8") == collect.renewed(
        collect.read(language)
    )
    assert is_fresh, "run `make sentences`"


def test_a_translation_has_the_same_holes(language: str) -> None:
    """The very same names in braces: none is lost, none is invented, and each can be formatted."""
    odd = [m.id for m in collect.read(language) if m.id and holes(str(m.id)) != holes(str(m.string))]
    assert odd == []


def test_a_translation_keeps_commands_mentions_and_options(language: str) -> None:
    """What is typed, mentioned or marked up is no word to translate."""
    for message in list(collect.read(language))[1:]:  # the first is the header
        told = str(message.string)
        assert sorted(TAG.findall(str(message.id))) == sorted(TAG.findall(told)), told
        assert set(re.findall(r"--[a-z-]+", str(message.id))) == set(re.findall(r"--[a-z-]+", told)), told


def test_marked_up_words_stand_apart(language: str) -> None:
    """Slack makes nothing bold, and nothing code, that touches a letter: Chinese letters stand close, so there is a space."""
    for message in collect.read(language):
        told = str(message.string)
        for found in MARKUP.finditer(told):
            around = told[: found.start()][-1:], told[found.end() :][:1]
            assert all(char in ("", " ", "\n") for char in around), told


def test_every_template_is_literal() -> None:
    """What is no literal cannot be collected; the exceptions pick from tables of literals."""
    found = {
        (path, inside(tree, call))
        for path, tree in collect.modules(*collect.ROOMS)
        for call in collect.calls(tree)
        if collect.literal(call) is None
    }
    assert found == NO_LITERAL


def inside(tree: ast.Module, call: ast.Call) -> str:
    """The function a call stands in."""
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    return next((f.name for f in functions if f.lineno <= call.lineno <= (f.end_lineno or 0)), "")


def test_no_sentence_is_glued_from_pieces() -> None:
    """In the rooms that speak, words stand in say("…") or t("…") only: not in f-strings, not in concatenations."""
    loose = {
        text: f"{path}:{line}"
        for path, tree in collect.modules(*SPEAKING)
        if path not in WHOLE_FILES
        for line, text in loose_words(tree)
    }
    assert {text: place for text, place in loose.items() if text not in PLAIN} == {}
    assert set(PLAIN) <= set(loose), "an excuse that nobody needs"


def loose_words(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Words in strings that no catalogue knows, without docstrings and logs."""
    apart = set(excused(tree))
    for node in ast.walk(tree):
        if id(node) not in apart and isinstance(node, ast.JoinedStr | ast.Constant):
            text = shape(node)
            spoken = TAG.sub("", text)
            if (WORDS.search(spoken) or WORD_BESIDE_A_HOLE.search(spoken)) and not is_form(text):
                yield node.lineno, text


def shape(node: ast.JoinedStr | ast.Constant) -> str:
    """The text of a string, {} for each hole; nothing for other constants."""
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return node.value if isinstance(node.value, str) else ""


def is_form(text: str) -> bool:
    """Heads of columns, examples of commands, and patterns."""
    return bool(CAPITALS.fullmatch(text) or COMMAND.fullmatch(text) or PATTERN.search(text))


def excused(tree: ast.Module) -> Iterator[int]:
    """Ids of nodes whose words are judged elsewhere, or by nobody: templates, docstrings, parts of f-strings, the log's."""
    for call in collect.calls(tree):
        yield id(call.args[0])
    for node in ast.walk(tree):
        match node:
            case ast.Expr():
                yield id(node.value)
            case ast.JoinedStr():
                yield from map(id, node.values)
            case ast.Call(func=ast.Attribute(value=ast.Name(id="log" | "logger"))):
                yield from map(id, node.args)


def test_the_words_of_the_manual_know_their_template() -> None:
    """Help is said in the reader's language, whoever wrote the table."""
    told = [one for command in COMMANDS for one in (command.does, command.who, *(o.means for o in command.options))]
    assert all(isinstance(one, Said) for one in told)
