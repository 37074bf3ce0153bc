"""What runs on the GPUs, in the world's column: start something on a cluster, see what stands, stop it."""

from collections.abc import Callable, Mapping
from typing import Any

from nicegui import run
from nicegui.events import GenericEventArguments

from sandbox.page.dom import TO_VALUE, initial_value, tag
from sandbox.page.world import Json, WorldPanel

KINDS: Mapping[str, str] = {
    "train": "train: a job at 94 %",
    "notebook": "notebook: a cell now and then",
    "serve": "serve: requests come in",
    "hung": "hung: a job that computes nothing",
    "idle": "idle: GPUs held, nothing runs",
}
PLACES: Mapping[str, str] = {
    "": "in Ray where it is installed",
    "ray": "in Ray (installs KubeRay)",
    "pods": "as plain pods",
}
_RAY: Mapping[str, bool | None] = {"": None, "ray": True, "pods": False}


class WorkloadBox:
    """The form and the list of one tab. `notice` tells the person what became of it."""

    def __init__(self, world: WorldPanel, notice: Callable[[str], None]) -> None:
        self._world = world
        self._notice = notice
        self._chosen = {"cluster": "", "kind": "train", "where": "", "gpus": "1", "minutes": "60"}
        self._clusters: list[str] = []
        self._rows: list[Json] = []
        with tag("section", "workloads", testid="workloads") as self._section:
            tag("h3", text="Run on the GPUs")
            self._places = tag("div", "workload-cluster")
            self._select("kind", KINDS)
            self._select("where", PLACES)
            with tag("div", "workload-size"):
                self._number("gpus", "GPUs")
                self._number("minutes", "minutes")
                start = tag("button", "bk-button", text="Start", type="button", testid="workload-start")
                start.on("click", self._start)
            self._list = tag("div", "workload-list")
        self._section.visible = False

    def refresh(self, snapshot: Mapping[str, Any]) -> None:
        """Follows the world; what is typed or chosen stays while its cluster stands."""
        clusters = [str(cluster["name"]) for cluster in snapshot["clusters"] if cluster["status"] == "ACTIVE"]
        rows = [
            {"cluster": str(cluster["name"]), **row}
            for cluster in snapshot["clusters"]
            for row in cluster.get("workloads", ())
        ]
        if clusters != self._clusters:
            self._clusters = clusters
            self._draw_clusters()
        if rows != self._rows:
            self._rows = rows
            self._draw_rows()
        self._section.set_visibility(bool(clusters))

    def _draw_clusters(self) -> None:
        if self._chosen["cluster"] not in self._clusters:
            self._chosen["cluster"] = self._clusters[0] if self._clusters else ""
        self._places.clear()
        with self._places:
            self._select("cluster", {name: name for name in self._clusters})

    def _draw_rows(self) -> None:
        self._list.clear()
        with self._list:
            for row in self._rows:
                self._draw_row(row)

    def _draw_row(self, row: Json) -> None:
        cluster, name = str(row["cluster"]), str(row["name"])
        where = "Ray" if row["ray"] else "pods"
        with tag("div", "workload-row", testid="workload"):
            with tag("div", "workload-words"):
                tag("b", text=name)
                tag("span", text=f"{row['gpus']} GPU · {where} · {row['state']}", testid="workload-state")
            stop = tag("button", "bk-button", text="Stop", type="button", testid=f"workload-stop-{name}")
            stop.on("click", lambda _event: self._stop(cluster, name))

    def _select(self, name: str, options: Mapping[str, str]) -> None:
        menu = tag("select", "bk-select", testid=f"workload-{name}")
        menu.props["aria-label"] = name
        with menu:
            for value, words in options.items():
                tag("option", text=words, value=value or "as-is", selected=value == self._chosen[name])
        menu.on("change", lambda event: self._enter(name, event), js_handler=TO_VALUE)

    def _number(self, name: str, words: str) -> None:
        with tag("label", "workload-number"):
            box = initial_value(
                tag("input", "bk-field", type="number", min="1", testid=f"workload-{name}"), self._chosen[name]
            )
            box.on("input", lambda event: self._enter(name, event), js_handler=TO_VALUE)
            tag("span", text=words)

    def _enter(self, name: str, event: GenericEventArguments) -> None:
        self._chosen[name] = "" if event.args == "as-is" else str(event.args)

    async def _start(self, _event: GenericEventArguments) -> None:
        chosen = dict(self._chosen)
        try:
            amount = (int(chosen["gpus"]), float(chosen["minutes"]))
        except ValueError:
            self._notice("GPUs is a whole number, minutes a number.")
            return
        ray = _RAY[chosen["where"]]
        await self._tell(
            lambda: self._world.start_workload(chosen["cluster"], chosen["kind"], amount, ray),
            f"Started {chosen['kind']} on {chosen['cluster']}.",
        )

    async def _stop(self, cluster: str, name: str) -> None:
        await self._tell(lambda: self._world.stop_workload(cluster, name), f"Stopped {name}.")

    async def _tell(self, act: Callable[[], object], done: str) -> None:
        try:
            await run.io_bound(act)
        except (ValueError, LookupError) as error:
            self._notice(str(error.args[0]))
        else:
            self._notice(done)
