"""`make sentences`: every template of say("…") and t("…") in the code, and the catalogues in blocks/locale made to match.

The code is read as a syntax tree: pybabel does not look into f-strings, where many a t("…") stands.
"""

from __future__ import annotations

import ast
import io
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

from blocks.tongue import ENGLISH, LANGUAGES

ROOT = Path(__file__).resolve().parents[2]
LOCALE = ROOT / "blocks" / "locale"
ROOMS = ("adapters", "blocks", "bot", "domain", "handlers", "services")
MAKERS = {"say": "domain.words", "t": "blocks.tongue"}
# No dates, no names: two people who add sentences on the same day touch different lines.
HEADER = """\
# The sentences of raygpu. Renew with `make sentences`; how to translate: docs/languages.md.
msgid ""
msgstr ""
"Language: {language}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""


def calls(tree: ast.Module) -> Iterator[ast.Call]:
    """Every call of say or t in a module that has them from where they are made."""
    local = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if MAKERS.get(alias.name) == node.module
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in local:
            yield node


def literal(call: ast.Call) -> str | None:
    """The template of a call; None where it is not written out."""
    first = call.args[0] if call.args else None
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else None


def modules(*rooms: str) -> Iterator[tuple[str, ast.Module]]:
    """Path from the root and tree of every module of these rooms."""
    for room in rooms:
        for path in sorted((ROOT / room).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def templates() -> dict[str, list[str]]:
    """Every template with the files it stands in."""
    found: dict[str, list[str]] = {}
    for path, tree in modules(*ROOMS):
        for call in calls(tree):
            template = literal(call)
            if template and path not in found.setdefault(template, []):
                found[template].append(path)
    return found


def read(language: str) -> Catalog:
    """The catalogue of a language; empty where there is none yet."""
    path = LOCALE / f"{language}.po"
    if not path.exists():
        return Catalog(locale=language)
    return read_po(io.BytesIO(path.read_bytes()), locale=language)


def renewed(catalogue: Catalog) -> str:
    """The text of the catalogue with exactly the templates of the code, as it belongs into its file.

    A sentence that was changed keeps its translation, marked fuzzy: somebody has to look at it.
    """
    code = Catalog()
    for template, files in templates().items():
        code.add(template, locations=[(path, 0) for path in files])
    catalogue.update(code)
    for message in catalogue:
        message.flags.discard("python-format")  # "112 % of November" is no format
    out = io.BytesIO()
    write_po(out, catalogue, width=0, sort_output=True, omit_header=True, ignore_obsolete=True, include_lineno=False)
    return HEADER.format(language=catalogue.locale_identifier) + out.getvalue().decode()


def main() -> None:
    """Renews every catalogue, and says what is left to do."""
    for language in LANGUAGES:
        if language == ENGLISH:
            continue
        catalogue = read(language)
        (LOCALE / f"{language}.po").write_text(renewed(catalogue), encoding="utf-8")
        left = sum(1 for message in catalogue if message.id and (not message.string or message.fuzzy))
        sys.stdout.write(f"{language}: {len(catalogue)} sentences, {left} to translate\n")


if __name__ == "__main__":
    main()
