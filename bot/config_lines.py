"""A YAML file with the line of each of its parts, and with its duplicate keys found, which YAML itself lets pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

Place = tuple[str, ...]
"""The way to a part of the file: keys, and numbers of list items, as text."""

MERGE = "tag:yaml.org,2002:merge"


@dataclass(frozen=True, slots=True)
class Parsed:
    """The content, the line of every place in it (from 1), and each key that stands twice with the line of its second."""

    content: object
    lines: Mapping[Place, int]
    doubled: tuple[tuple[Place, int], ...]

    def line(self, place: Place) -> int:
        """The line of a place, or of the nearest part around it that is there."""
        for length in range(len(place), 0, -1):
            if place[:length] in self.lines:
                return self.lines[place[:length]]
        return 1


@dataclass(slots=True)
class _Walk:
    lines: dict[Place, int] = field(default_factory=dict)
    doubled: list[tuple[Place, int]] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)


def parse(text: str) -> Parsed:
    """Raises yaml.YAMLError where it is not YAML, or more than one document."""
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return Parsed(None, {}, ())
        walk = _Walk()
        _visit(root, (), walk)
        return Parsed(loader.construct_document(root), walk.lines, tuple(walk.doubled))
    finally:
        loader.dispose()


def _visit(node: Node, place: Place, walk: _Walk) -> None:
    walk.lines.setdefault(place, node.start_mark.line + 1)
    if id(node) in walk.seen:  # an alias, perhaps of something around it
        return
    walk.seen.add(id(node))
    if isinstance(node, SequenceNode):
        for number, item in enumerate(node.value):
            _visit(item, (*place, str(number)), walk)
    elif isinstance(node, MappingNode):
        for key, line, value in _entries(node):
            inside = (*place, key)
            if inside in walk.lines:
                walk.doubled.append((inside, line))
            walk.lines[inside] = line
            _visit(value, inside, walk)


def _entries(node: MappingNode) -> Iterator[tuple[str, int, Node]]:
    for key, value in node.value:
        if isinstance(key, ScalarNode) and key.tag != MERGE:
            yield str(key.value), key.start_mark.line + 1, value
