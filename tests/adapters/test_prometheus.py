"""Histories out of a Prometheus: a real one with a written past, one that scrapes, and answers that are none."""

import json
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from api_proxy import api_proxy
from prometheus_rig import DRAM, ENERGY, ENGINE, MEMORY, UTIL, History, Point, prometheus
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from adapters.kube import KubeServices
from adapters.prometheus import PrometheusHistories
from domain.errors import OutsideError, Unavailable
from domain.observation import ControlPlane
from domain.signals import GpuWindow
from services.ports import GpuHistories

HOUR, SCRAPE = 3600, 30
UNTIL = time.time() // 60 * 60 - 600  # a while ago: written, not scraped
SINCE = UNTIL - HOUR
WATTS = 60.0
NODE = "ip-10-0-2-20.ec2.internal"
INTERVALS = {"fast": 15, "usual": 30, "slow": 60, "lazy": 300}


def plane_of(name: str) -> ControlPlane:
    return ControlPlane(name, "us-west-2", "ACTIVE", "1.35", "arn")


def points(
    value: Callable[[float], float], seen: Callable[[float], bool] = lambda at: True, every: int = SCRAPE
) -> Any:
    """Scrapes from an hour before the window to its end, by seconds since its beginning, where they were made."""
    return [(SINCE + s, value(s)) for s in range(-HOUR, HOUR + 1, every) if seen(s)]


def flat(value: float) -> Callable[[float], float]:
    return lambda s: value


def energy(s: float) -> float:
    """A GPU at rest: 60 W, in mJ since the boot."""
    return 9e9 + (s + HOUR) * WATTS * 1000


class Past:
    """Clusters, each a case of its own under its own name."""

    def __init__(self) -> None:
        self.history = History()

    def gpu(self, cluster: str, metric: str, made: list[Point], uuid: str = "GPU-a", **labels: str) -> None:
        held = {"Hostname": NODE, "UUID": uuid, "gpu": "0", "instance": "usual", "cluster": cluster, **labels}
        self.history.add(metric, made, **held)

    def idle(self, cluster: str, **labels: Any) -> None:
        """All gauges at rest."""
        for metric, value in ((UTIL, 0), (ENGINE, 0), (DRAM, 0), (MEMORY, 300)):
            self.gpu(cluster, metric, points(flat(value)), **labels)
        self.gpu(cluster, ENERGY, points(energy), **labels)


def written() -> History:  # long: one line of history to a case
    past = Past()
    past.idle("idle")
    past.idle("two")
    past.idle("two", uuid="GPU-b")
    past.gpu("once", UTIL, points(lambda s: 37 if s == 1800 else 0))
    past.gpu("engine", ENGINE, points(lambda s: 0.42 if s == 900 else 0))
    past.gpu("memory-bus", UTIL, points(flat(0)))
    past.gpu("memory-bus", DRAM, points(lambda s: 0.3 if s == 900 else 0))
    past.gpu("before", UTIL, points(lambda s: 100 if s < -60 else 0))
    past.gpu("gap", UTIL, points(flat(0), lambda s: not 1200 < s <= 1800))
    past.gpu("gaps", UTIL, points(flat(0), lambda s: s % 300 < 60))
    past.gpu("late", UTIL, points(flat(0), lambda s: s >= 1800))
    past.gpu("sentinel", UTIL, points(lambda s: 9223372036854775794 if s == 1800 else 0))
    past.gpu("blank", UTIL, points(flat(2147483632)))
    past.gpu("vanished", MEMORY, points(flat(300)))
    past.gpu("vanished", "DCGM_FI_DEV_ENC_UTIL", points(flat(0)))
    past.gpu("handed-on", UTIL, points(flat(0), lambda s: s < 1800), pod="a", namespace="x")
    past.gpu("handed-on", UTIL, points(lambda s: 5, lambda s: s >= 1800), pod="b", namespace="x")
    past.gpu("handed-on", ENERGY, points(energy, lambda s: s < 1800), pod="a", namespace="x")
    past.gpu("handed-on", ENERGY, points(energy, lambda s: s >= 1800), pod="b", namespace="x")
    for pod in ("a", "b"):
        past.gpu("shared", UTIL, points(flat(0)), exported_pod=pod)
        past.gpu("shared", ENERGY, points(energy), exported_pod=pod)
        past.gpu("shared-gap", UTIL, points(flat(0), lambda s: not 900 < s <= 1800), exported_pod=pod)
    past.gpu("mig", ENGINE, points(flat(0)), GPU_I_ID="7", GPU_I_PROFILE="1g.5gb")
    past.gpu("mig", ENGINE, points(lambda s: 0.2, lambda s: s >= 1800), GPU_I_ID="8", GPU_I_PROFILE="1g.5gb")
    past.gpu("reboot", ENERGY, points(lambda s: energy(s) if s < 1800 else (s - 1800) * WATTS * 1000))
    past.gpu("reboot", UTIL, points(flat(0)))
    for name, every in INTERVALS.items():
        past.gpu(f"scraped-{name}", UTIL, points(flat(0), every=every), instance=name)
    past.gpu("half-fast", UTIL, points(flat(0), lambda s: s % 60 < 30, every=15), instance="fast")
    return past.history


def jobs() -> list[dict[str, Any]]:
    """A target for each scrape interval: nobody answers there, and the interval is known all the same."""
    return [
        {
            "job_name": name,
            "scrape_interval": f"{seconds}s",
            "scrape_timeout": "5s",
            "static_configs": [{"targets": ["127.0.0.1:9"], "labels": {"instance": name}}],
        }
        for name, seconds in INTERVALS.items()
    ]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with prometheus(tmp_path_factory.mktemp("prometheus"), written(), jobs()) as url:
        yield url


class Nowhere:
    """No service inside any cluster."""

    def get(self, plane: ControlPlane, service: str, path: str, query: Mapping[str, str]) -> bytes:
        raise Unavailable("Nowhere", "not asked here")


def gpus(url: str, cluster: str) -> tuple[GpuWindow, ...]:
    histories: GpuHistories = PrometheusHistories(url, Nowhere())
    history = histories.read(plane_of(cluster), SINCE, UNTIL)
    assert (history.source, history.since, history.until) == ("Prometheus", SINCE, UNTIL)
    return history.gpus


def one(url: str, cluster: str) -> GpuWindow:
    found = gpus(url, cluster)
    assert len(found) == 1
    return found[0]


@pytest.mark.prometheus
class TestReal:
    """A real Prometheus, each cluster of its past a case."""

    def test_an_idle_hour(self, url: str) -> None:
        """Every scrape seen, no gauge above zero, 60 W for an hour, its memory."""
        gpu = one(url, "idle")
        assert (gpu.node, gpu.uuid, gpu.busy) == (NODE, "GPU-a", 0.0)
        assert (gpu.samples, gpu.expected) == (120, 120)
        assert gpu.energy_j == pytest.approx(WATTS * HOUR, rel=0.01)
        assert gpu.memory_used_mib == 300

    def test_every_gpu_of_this_cluster_and_of_no_other(self, url: str) -> None:
        """By UUID; what bears another cluster's label is not ours, and an unknown cluster has none."""
        assert [g.uuid for g in gpus(url, "two")] == ["GPU-a", "GPU-b"]
        assert gpus(url, "nobody") == ()

    @pytest.mark.parametrize(
        ("cluster", "busy"), [("once", 0.37), ("engine", 0.42), ("memory-bus", 0.3), ("before", 0.0)]
    )
    def test_one_busy_scrape_in_an_hour_is_found(self, url: str, cluster: str, busy: float) -> None:
        """Whichever gauge shows it, however short; what was before the window does not count."""
        assert one(url, cluster).busy == pytest.approx(busy)

    @pytest.mark.parametrize(("cluster", "share"), [("gap", 100 / 120), ("late", 0.5), ("gaps", 0.2)])
    def test_a_gap_shows_as_fewer_samples(self, url: str, cluster: str, share: float) -> None:
        """Ten minutes without a scrape; half an hour; and four minutes of every five, which Prometheus itself bridges."""
        gpu = one(url, cluster)
        assert gpu.busy == 0.0 and gpu.expected == 120
        assert gpu.samples / gpu.expected == pytest.approx(share, abs=0.02)
        assert gpu.samples < 0.9 * gpu.expected

    def test_a_sentinel_hides_what_the_gauge_reached(self, url: str) -> None:
        """One of them in the window: not idle, not busy, not known; only sentinels: nothing seen at all."""
        assert (one(url, "sentinel").busy, one(url, "blank").busy, one(url, "blank").samples) == (None, None, 0)

    def test_a_vanished_series_is_not_seen(self, url: str) -> None:
        """Memory and an idle encoder say nothing of the GPU."""
        gpu = one(url, "vanished")
        assert (gpu.busy, gpu.samples, gpu.memory_used_mib) == (None, 0, 300)

    def test_a_gpu_handed_from_pod_to_pod_is_one_gpu(self, url: str) -> None:
        """Its series end and begin with the pod in their labels: no sample lost, none doubled, its energy one counter."""
        gpu = one(url, "handed-on")
        assert gpu.busy == 0.05
        assert gpu.samples / gpu.expected > 0.9
        assert gpu.energy_j == pytest.approx(WATTS * HOUR, rel=0.02)

    def test_a_shared_gpu_is_one_gpu(self, url: str) -> None:
        """Time-slicing: two series at once are no two samples, and a gap in both is a gap; the energy is not doubled."""
        gpu, gap = one(url, "shared"), one(url, "shared-gap")
        assert (gpu.samples, gpu.expected) == (120, 120)
        assert gpu.energy_j == pytest.approx(WATTS * HOUR, rel=0.01)
        assert gap.samples / gap.expected == pytest.approx(0.75, abs=0.03)

    def test_slices_of_a_gpu(self, url: str) -> None:
        """MIG: as busy as the busiest, as well seen as the least seen."""
        gpu = one(url, "mig")
        assert gpu.busy == 0.2
        assert gpu.samples / gpu.expected == pytest.approx(0.5, abs=0.02)

    def test_a_reset_of_the_energy_counter(self, url: str) -> None:
        """A reboot: what was drawn before and after it counts, and never a negative amount."""
        assert one(url, "reboot").energy_j == pytest.approx(WATTS * HOUR, rel=0.05)

    @pytest.mark.parametrize(("name", "expected"), [("fast", 240), ("usual", 120), ("slow", 60)])
    def test_as_many_samples_as_the_target_is_scraped(self, url: str, name: str, expected: int) -> None:
        """The interval is the target's own."""
        gpu = one(url, f"scraped-{name}")
        assert (gpu.samples, gpu.expected) == (expected, expected)

    def test_scraped_too_seldom_is_seen_too_seldom(self, url: str) -> None:
        """Every five minutes proves nothing of the minutes between."""
        gpu = one(url, "scraped-lazy")
        assert gpu.samples < 0.3 * gpu.expected

    def test_half_of_many_samples_is_half(self, url: str) -> None:
        """A target scraped every 15 s that answers every other time is not well seen, though it has 120 samples."""
        gpu = one(url, "half-fast")
        assert gpu.samples / gpu.expected == pytest.approx(0.5, abs=0.02)

    def test_inside_the_cluster_through_the_api_server(self, url: str) -> None:
        """namespace/service:port; the query arrives whole, the slashes as slashes."""
        with api_proxy({"prometheus-server:80": url}) as proxy:
            histories = PrometheusHistories("monitoring/prometheus-server:80", KubeServices(proxy.wire))
            found = histories.read(proxy.plane, SINCE, UNTIL).gpus
        assert len(found) == 2  # every cluster of this past has GPU-a: inside, no label tells them apart
        assert {g.uuid for g in found} == {"GPU-a", "GPU-b"}
        assert proxy.paths[0].startswith(
            "/api/v1/namespaces/monitoring/services/prometheus-server:80/proxy/api/v1/query?"
        )

    def test_what_it_scrapes_itself(self, tmp_path: Path) -> None:
        """A small exporter, scraped twice a second: seen at once, busy at once, and far from an hour of evidence."""
        text = f'# TYPE {UTIL} gauge\n{UTIL}{{UUID="GPU-z",Hostname="{NODE}"}} 88\n'
        server = make_server("127.0.0.1", 0, Response(text, content_type="text/plain"), threaded=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        target = {"targets": [f"127.0.0.1:{server.server_port}"], "labels": {"cluster": "live"}}
        job = {"job_name": "dcgm", "scrape_interval": "500ms", "scrape_timeout": "500ms", "static_configs": [target]}
        past = Past()
        past.idle("idle")
        try:
            with prometheus(tmp_path, past.history, [job]) as live:
                gpu = _first(live)
        finally:
            server.shutdown()
            server.server_close()
        assert (gpu.uuid, gpu.node, gpu.busy) == ("GPU-z", NODE, 0.88)
        assert gpu.samples < 0.5 * gpu.expected


def _first(url: str) -> GpuWindow:
    """The GPU of the live exporter, once it was scraped."""
    ends = time.monotonic() + 20
    while time.monotonic() < ends:
        now = time.time()
        found = PrometheusHistories(url, Nowhere()).read(plane_of("live"), now - 60, now).gpus
        if found:
            return found[0]
        time.sleep(0.2)
    raise AssertionError("nothing was scraped")


# Answers that are none


class Canned:
    """A service that answers what it is told; a path without an answer is an error."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self._answers = answers

    def get(self, plane: ControlPlane, service: str, path: str, query: Mapping[str, str]) -> bytes:
        answer = self._answers.get(path)
        if isinstance(answer, OutsideError):
            raise answer
        return answer if isinstance(answer, bytes) else json.dumps(answer).encode()


def vector(*rows: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"status": "success", "data": {"resultType": "vector", "result": list(rows)}, **more}


def canned(query: Any, targets: Any = None) -> tuple[GpuWindow, ...]:
    services = Canned({"/api/v1/query": query, "/api/v1/targets": targets})
    return PrometheusHistories("monitoring/prom:9090", services).read(plane_of("x"), 0.0, float(HOUR)).gpus


def rows(kind: str, value: float | str) -> dict[str, Any]:
    return {"metric": {"UUID": "GPU-a", "raygpu": kind}, "value": [HOUR, str(value)]}


@pytest.mark.parametrize("answer", [
    b"<html>502</html>", b"[]", {"status": "error", "errorType": "bad_data", "error": "parse error"},
    {"status": "success", "data": {"resultType": "matrix", "result": []}}, {"status": "success"},
    vector({"metric": {}}), vector(warnings=["1 of 3 stores did not answer"]), Unavailable("TimedOut", "late"),
])  # fmt: skip
def test_an_answer_that_is_none_raises(answer: Any) -> None:
    """Never an empty history: a proxy's page, an error, another form, a part that is missing, no answer at all."""
    with pytest.raises(Unavailable):
        canned(answer)


@pytest.mark.parametrize("targets", [
    b"<html>404</html>", Unavailable("ProxiedFault", "404"), {"status": "success", "data": {}},
    {"status": "success", "data": {"activeTargets": [{"labels": {"instance": "i"}, "scrapeInterval": "often"}]}},
    {"status": "success", "data": {"activeTargets": [{"labels": {"instance": "j"}, "scrapeInterval": "15s"}]}},
])  # fmt: skip
def test_without_word_of_the_interval_the_samples_themselves_tell_it(targets: Any) -> None:
    """Thanos names no targets: as close as samples stood in five minutes, once a minute at least."""
    place = {"metric": {"UUID": "GPU-a", "instance": "i", "raygpu": "place-util"}, "value": [HOUR, "1"]}
    for dense, raw, expected in ((11, 120, (120, 120)), (21, 120, (120, 240)), (1, 12, (12, 60))):
        parts = (rows("util", 0), rows("slots-util", 120), rows("dense-util", dense), rows("raw-util", raw), place)
        assert [(g.samples, g.expected) for g in canned(vector(*parts), targets)] == [expected]


def test_energy_and_memory_that_are_no_number_are_not_known() -> None:
    """NaN."""
    (gpu,) = canned(vector(rows("util", 0), rows("energy", "NaN"), rows("memory", "NaN")))
    assert (gpu.energy_j, gpu.memory_used_mib, gpu.samples) == (None, None, 0)
    assert not math.isnan(gpu.busy or 0)


def _server(answer: Callable[[Request], Response]) -> Any:
    server = make_server("127.0.0.1", 0, lambda e, s: answer(Request(e))(e, s), threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.mark.parametrize("status", [302, 401, 403, 404, 500, 503])
def test_a_refusal_over_http_raises(status: int) -> None:
    """With its status; a redirect to a login page is not followed."""
    server = _server(lambda request: Response("no", status, headers={"Location": "http://login.example.com/"}))
    url = f"http://127.0.0.1:{server.server_port}"
    try:
        with pytest.raises(Unavailable, match=str(status)):
            PrometheusHistories(url, Nowhere()).read(plane_of("x"), 0, HOUR)
    finally:
        server.shutdown()
        server.server_close()
    with pytest.raises(Unavailable) as gone:
        PrometheusHistories(url, Nowhere()).read(plane_of("x"), 0, HOUR)
    assert gone.value.reason == "Unreachable"
