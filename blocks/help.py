"""What `/raygpu help` says: an overview with one example per command, and a page for each."""

from __future__ import annotations

from dataclasses import dataclass

from blocks.elements import Block, context, header, section
from blocks.text import esc


@dataclass(frozen=True, slots=True)
class Page:
    """Help on one command: how it is typed, what it does, examples, and its options with their meaning."""

    usage: str
    does: str
    examples: tuple[str, ...]
    options: tuple[tuple[str, str], ...] = ()


PAGES = {
    "create": Page(
        "create [NAME] [options]",
        "asks for a GPU cluster; with nothing behind it, by a form. You see the price, an approver decides, and one "
        "card shows every step until the GPUs are proven.",
        ("create demo", "create train --gpu g5.12xlarge --gpus 2 --ttl 8h --reason fine-tuning", "create demo --plan"),
        (
            ("--gpu TYPE[,TYPE]", "instance type of the GPU nodes; several are tried in order"),
            ("--gpus N", "how many GPU nodes (1)"),
            ("--max N", "most GPU nodes, for scaling up"),
            ("--ttl 8h", "lifetime: 90m, 8h, 2d, 1d12h"),
            ("--region R", "AWS region"),
            ("--spot", "Spot capacity: cheaper, AWS may take it away"),
            ("--ami bottlerocket|al2023", "AMI family of the GPU nodes (bottlerocket)"),
            ("--no-smoke", "do not prove the GPUs with a CUDA pod"),
            ("--team T", "whose budget it is"),
            ("--reason WORDS", "what it is for; the approver reads it"),
            ("--plan", "show what would be built and its price, and do nothing"),
        ),
    ),
    "status": Page("status NAME", "shows one cluster: steps, node groups, GPUs, price.", ("status demo",)),
    "list": Page(
        "list [mine|team|all]", "lists the live clusters and what they cost by the hour.", ("list", "list all")
    ),
    "delete": Page(
        "delete NAME", "takes a cluster away after asking once more, and ends with a receipt.", ("delete demo",)
    ),
    "help": Page("help [COMMAND]", "shows this page, or the page of one command.", ("help create",)),
}


def overview() -> tuple[str, list[Block]]:
    """Fallback text and blocks of the overview."""
    lines = [f"• `/raygpu {esc(page.usage)}` {esc(page.does)}" for page in PAGES.values()]
    blocks = [
        header("raygpu: GPU clusters for Ray on Amazon EKS"),
        section("\n".join(lines)),
        context("`/raygpu help create` lists its options."),
    ]
    return "raygpu: " + ", ".join(PAGES), blocks


def page(command: str) -> tuple[str, list[Block]]:
    """Fallback text and blocks of one command's page; `command` is a key of PAGES."""
    held = PAGES[command]
    lines = [f"`/raygpu {esc(held.usage)}`", f"It {esc(held.does)}", "*For example*"]
    lines += [f"• `/raygpu {esc(example)}`" for example in held.examples]
    if held.options:
        lines += ["*Options*", *(f"• `{esc(name)}` {esc(means)}" for name, means in held.options)]
    return f"Help on {command}", [section("\n".join(lines))]
