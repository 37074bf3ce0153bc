"""What `/raygpu help` says: an overview of the manual, and a page for each of its commands."""

from __future__ import annotations

from blocks.elements import Block, context, header, sections
from blocks.manual import BY_NAME, COMMANDS, Command, about
from blocks.text import esc
from blocks.tongue import in_tongue, t


def overview() -> tuple[str, list[Block]]:
    """Fallback text and blocks of the overview."""
    blocks = [
        header(t("raygpu: GPU clusters for Ray on Amazon EKS")),
        *sections(_line(command) for command in COMMANDS),
        context(t("`/raygpu help create` lists its options.")),
    ]
    return t("raygpu understands: {commands}", commands=", ".join(BY_NAME)), blocks


def page(topic: str) -> tuple[str, list[Block]]:
    """Fallback text and blocks of one command's page, or of all commands of a group (`admin`)."""
    found = about(topic)
    if len(found) != 1:
        return t("Help on {command}", command=esc(topic)), sections(_line(command) for command in found)
    held = found[0]
    lines = [f"`/raygpu {esc(held.usage)}`", esc(in_tongue(held.does))]
    lines.append(t("*Who may:* {who}", who=esc(in_tongue(held.who))))
    lines += [t("*For example*"), *(f"• `/raygpu {esc(example)}`" for example in held.examples)]
    if held.options:
        lines += [t("*Options*"), *(f"• `{esc(o.shown)}` {esc(in_tongue(o.means))}" for o in held.options)]
    if held.aliases:
        names = ", ".join(f"`{alias}`" for alias in held.aliases)
        lines.append(t("*Also known as* {names}", names=names))
    return t("Help on {command}", command=esc(held.name)), sections(lines)


def _line(command: Command) -> str:
    return f"• `/raygpu {esc(command.usage)}` {esc(in_tongue(command.does))}"
