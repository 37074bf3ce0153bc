"""The bot's passes over a real control plane: EKS answers what a ready cluster answers, Kubernetes is read and written."""

from __future__ import annotations

import time
from dataclasses import replace
from types import SimpleNamespace

from domain import provisioning, scorecard
from domain.actions import Action
from domain.conditions import Condition, merge
from domain.errors import OutsideError
from domain.setbacks import after_failure
from domain.spec import ClusterSpec
from domain.stages import View
from services.observer import Eyes, Observer
from services.performer import Performer, Scene
from tests.domain import worlds
from tests.kubernetes.island import Island, until


class Bot:
    """The passes of the bot over one record: the observer, the stages and the performer that ship."""

    def __init__(self, island: Island, spec: ClusterSpec) -> None:
        self.island, now = island, time.time()
        of = replace(worlds.record(spec), created_at=now - 3600, expires_at=now + 3600)
        self.cluster = replace(of, approval=replace(of.approval, digest=of.digest, at=now - 3500))
        self.done: list[Action] = []
        eyes = self._eyes()
        self._observer, self._performer = Observer(eyes), Performer(eyes, SimpleNamespace())

    def _eyes(self) -> Eyes:
        island, nothing = self.island, SimpleNamespace()
        return Eyes(
            planes=SimpleNamespace(describe=lambda *_: island.describe(self.cluster), insights=lambda *_: ()),
            groups=SimpleNamespace(list=lambda *_: worlds.groups(self.cluster), launch_failures=lambda *_: ()),
            addons=SimpleNamespace(list=lambda *_: worlds.addons()),
            access=SimpleNamespace(
                own_principal=lambda: worlds.BOT, principals=lambda *_: worlds.principals(self.cluster)
            ),
            api=island.server,
            plugins=island.plugins,
            smoke=island.smoke,
            leftovers=nothing,
            instances=SimpleNamespace(list=lambda *_: ()),
            exporters=island.exporters,
            gpu_pods=island.gpu_pods,
            rays=island.rays,
            scrapes=nothing,
        )

    def visit(self) -> None:
        """One pass: observe, decide, act; a failed action speaks through the condition it serves."""
        observed = self._observer.creation(self.cluster)
        view = View(self.cluster, observed, time.time(), exporter=False)
        decision = provisioning.decide(view)
        fresh = {c.type: c for c in decision.conditions}
        for action in decision.actions:
            self.done.append(action)
            try:
                self._performer.perform(action, Scene(self.cluster, observed))
            except OutsideError as error:
                failed = after_failure(action, False, error)
                fresh[failed.type] = failed
        conditions = merge(self.cluster.conditions, fresh.values(), view.now)
        changed = provisioning.changes_seen(view)
        self.cluster = replace(changed, conditions=conditions, scores=scorecard.scores(view))

    def condition(self, kind: str) -> Condition:
        """What is known of one aspect; fails when it was not looked at."""
        found = self.cluster.condition(kind)
        assert found is not None, f"{kind} was not looked at"
        return found

    def visit_until(self, kind: str, reason: str) -> Condition:
        """Passes until that condition has that reason."""

        def look() -> Condition | None:
            self.visit()
            found = self.condition(kind)
            return found if found.reason == reason else None

        try:
            return until(look)
        except AssertionError as late:
            raise AssertionError(f"{kind} is {self.condition(kind)}, not {reason}") from late
