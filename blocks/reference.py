"""docs/commands.md, written from the manual: `python -m blocks.reference > docs/commands.md`; a test holds it fresh."""

from __future__ import annotations

import sys

from blocks.manual import COMMANDS, Command

HEAD = """# Commands

Written from the table in `blocks/manual.py` by `python -m blocks.reference`; change it there.

`/raygpu help` and `/raygpu help COMMAND` show the same in Slack, in the language of the person. Answers are seen by the
asker alone. What Slack and phones do to a typed line (curly quotes, long dashes, odd spaces, links, entities) is undone, and
a mistyped command, option, name or level is met with the close one. Times are read in the zone of the asker's Slack
profile, and the answer says how they were understood.

Who may do what is decided by one function (`domain/policy.py`) for command, button, form and timer alike; guests, bots,
deactivated accounts and people of other workspaces may do nothing. While the emergency brake is pulled (`admin freeze`),
nothing is built, resized, proven or deleted by anybody; looking, extending, keeping and revoking stay possible.
"""


def reference() -> str:
    """The page, in Markdown."""
    rows = [f"| [`{c.name}`](#{c.name.replace(' ', '-')}) | {c.does} | {c.who} |" for c in COMMANDS]
    table = ["| command | what | who may |", "|---|---|---|", *rows]
    return "\n".join([HEAD, *table, "", *(line for command in COMMANDS for line in _section(command))])


def _section(command: Command) -> list[str]:
    lines = [f"## {command.name}", "", "```", f"/raygpu {command.name} {command.slots}".rstrip(), "```", ""]
    lines += [f"{command.does} Who may: {command.who}.", ""]
    if command.options:
        lines += ["| option | meaning |", "|---|---|"]
        lines += [f"| `{option.shown.replace('|', chr(92) + '|')}` | {option.means} |" for option in command.options]
        lines.append("")
    lines += ["For example:", "", *(f"- `/raygpu {example}`" for example in command.examples), ""]
    if command.aliases:
        lines += [f"Also known as {', '.join(f'`{alias}`' for alias in command.aliases)}.", ""]
    return lines


if __name__ == "__main__":
    sys.stdout.write(reference())
