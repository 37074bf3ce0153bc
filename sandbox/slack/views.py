"""Modal stacks (a root and at most two more) and the Home tab of every person."""

import hashlib
import itertools
import json
import time
from typing import Any

from sandbox.slack.changes import Changes
from sandbox.slack.errors import SlackError
from sandbox.slack.messages import with_ids
from sandbox.slack.model import Json, View
from sandbox.slack.values import initial_values, kept_values

STACK_DEPTH = 3  # root and two pushed views


class ViewStacks:
    """Open views. Every method is safe from any thread; the app's view bodies were checked by the caller."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._stacks: dict[str, list[View]] = {}
        self._homes: dict[str, View] = {}
        self._numbers = itertools.count(1)

    def open(self, user: str, body: Json) -> View:
        """Show a new root modal; one that was open is replaced."""
        with self._changes.lock:
            self._refuse_same_external_id(body)
            view = self._new(user, body)
            self._stacks[user] = [view]
            self._changes.publish("views")
            return view

    def push(self, user: str, body: Json) -> View:
        """Put a view on top of the person's stack. Raises push_limit_reached, or not_found without a root."""
        with self._changes.lock:
            stack = self._stacks.get(user, [])
            if not stack:
                raise SlackError("not_found")
            if len(stack) >= STACK_DEPTH:
                raise SlackError("push_limit_reached")
            self._refuse_same_external_id(body)
            view = self._new(user, body, root_id=stack[0].root_id, previous_id=stack[-1].id)
            stack.append(view)
            self._changes.publish("views")
            return view

    def replace(self, view: View, body: Json, expected_hash: str | None = None) -> View:
        """Update a view in place, keeping what the person entered in inputs that stay.
        Raises hash_conflict when `expected_hash` is not the view's current hash."""
        with self._changes.lock:
            if expected_hash and expected_hash != view.hash:
                raise SlackError("hash_conflict")
            view.body = {**body, "blocks": with_ids(body["blocks"])}
            view.hash = _hash(view.body)
            view.errors = {}
            view.values = kept_values(view.body["blocks"], view.values)
            self._changes.publish("views")
            return view

    def publish(self, user: str, body: Json, expected_hash: str | None = None) -> View:
        """Set a person's Home tab. Raises hash_conflict as `replace` does."""
        with self._changes.lock:
            home = self._homes.get(user)
            if home is not None:
                return self.replace(home, body, expected_hash)
            home = self._homes[user] = self._new(user, body)
            self._changes.publish("views")
            return home

    def find(self, view_id: str | None = None, external_id: str | None = None) -> View | None:
        """An open view by either id, or None."""
        with self._changes.lock:
            for view in itertools.chain(*self._stacks.values(), self._homes.values()):
                if view_id and view.id == view_id:
                    return view
                if external_id and view.body.get("external_id") == external_id:
                    return view
            return None

    def stack(self, user: str) -> list[View]:
        """The person's open modals, root first."""
        with self._changes.lock:
            return list(self._stacks.get(user, []))

    def home(self, user: str) -> View | None:
        """The person's Home tab, or None before the first views.publish."""
        with self._changes.lock:
            return self._homes.get(user)

    def close(self, view: View) -> None:
        """Take one view off its stack, with everything above it."""
        with self._changes.lock:
            stack = self._stacks.get(view.user, [])
            if view in stack:
                del stack[stack.index(view) :]
                self._changes.publish("views")

    def clear(self, user: str) -> None:
        """Close all modals of a person."""
        with self._changes.lock:
            self._stacks.pop(user, None)
            self._changes.publish("views")

    def enter(self, view: View, place: tuple[str, str], value: Json, *, quiet: bool = False) -> None:
        """Store what a person entered at (block_id, action_id); `quiet` where the page already shows it."""
        with self._changes.lock:
            block_id, action_id = place
            view.values.setdefault(block_id, {})[action_id] = value
            if not quiet:
                self._changes.publish("views")

    def show_errors(self, view: View, errors: dict[str, str]) -> None:
        """Put a sentence under each named input block; an empty dict takes them away."""
        with self._changes.lock:
            view.errors = dict(errors)
            self._changes.publish("views")

    def _new(self, user: str, body: Json, **links: Any) -> View:
        number = f"V0RAYGPU{next(self._numbers):04d}"
        filled = {**body, "blocks": with_ids(body["blocks"])}
        links.setdefault("root_id", number)
        values = initial_values(filled["blocks"])
        return View(id=number, user=user, body=filled, hash=_hash(filled), values=values, **links)

    def _refuse_same_external_id(self, body: Json) -> None:
        external_id = body.get("external_id")
        if external_id and self.find(external_id=external_id) is not None:
            raise SlackError("duplicate_external_id")


def _hash(body: Json) -> str:
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:8]
    return f"{time.time():.6f}.{digest}"
