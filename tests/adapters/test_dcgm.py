"""dcgm-exporter's text: what counts as a share, what is a sentinel, what a vanished series means, MIG, shared GPUs."""

import pytest

from adapters.dcgm import parse
from domain.errors import Unavailable
from domain.signals import GpuSample

NODE = "ip-10-0-2-20.ec2.internal"
GPU_A, GPU_B = "GPU-aaaa", "GPU-bbbb"
UTIL, ENGINE, DRAM = "DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_PROF_GR_ENGINE_ACTIVE", "DCGM_FI_PROF_DRAM_ACTIVE"
ENERGY, MEMORY, XID = "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "DCGM_FI_DEV_FB_USED", "DCGM_FI_DEV_XID_ERRORS"
ENC, DEC = "DCGM_FI_DEV_ENC_UTIL", "DCGM_FI_DEV_DEC_UTIL"
COUNTERS = (ENERGY,)
INT64 = [0x7FFFFFFFFFFFFFF0 + n for n in range(4)]
INT32 = [0x7FFFFFF0 + n for n in range(4)]
FP64 = [140737488355328.0 + n for n in range(4)]


def series(name: str, value: object, uuid: str = GPU_A, **labels: str) -> str:
    """A series with its TYPE line, as the exporter writes it."""
    kind = "counter" if name in COUNTERS else "gauge"
    held = {"gpu": "0", "UUID": uuid, "modelName": "NVIDIA A10G", "Hostname": "dcgm-x7f2", **labels}
    inner = ",".join(f'{k}="{v}"' for k, v in held.items())
    return f"# HELP {name} What it is.\n# TYPE {name} {kind}\n{name}{{{inner}}} {value}\n"


def one(*parts: str) -> GpuSample:
    """The one sample in these series."""
    found = parse("".join(parts), NODE)
    assert len(found) == 1
    return found[0]


def test_a_gpu_is_read_whole() -> None:
    """Percents become shares; the node is the one that was asked, not the pod in the label Hostname."""
    sample = one(
        series(UTIL, 40), series(ENGINE, 0.41), series(DRAM, 0.2), series(ENC, 0), series(DEC, 0),
        series(ENERGY, 5_000_000_000), series(MEMORY, 12_000), series(XID, 31),
    )  # fmt: skip
    expected = GpuSample(NODE, GPU_A, "NVIDIA A10G", "", 0.41, 0.4, 0.2, 5e9, 12_000.0, 31)
    assert sample == expected


def test_every_gpu_is_one_sample() -> None:
    """By UUID; what is no GPU series is passed over."""
    text = series(UTIL, 0) + series(UTIL, 100, GPU_B) + "# TYPE go_goroutines gauge\ngo_goroutines 12\n"
    assert [(s.uuid, s.util) for s in parse(text, NODE)] == [(GPU_A, 0.0), (GPU_B, 1.0)]


def test_an_exporter_that_sees_no_gpu_shows_none() -> None:
    """An empty answer is no error here, and no idle GPU either."""
    assert (parse("", NODE), parse("\n", NODE)) == ((), ())


@pytest.mark.parametrize("name", [UTIL, ENGINE, DRAM])
@pytest.mark.parametrize("value", [*INT64, *INT32, *FP64, "NaN", "+Inf", -1])
def test_a_sentinel_is_no_value(name: str, value: object) -> None:
    """Of any width, and whatever else no share can be: None and blank, never busy and never idle."""
    sample = one(series(MEMORY, 1), series(name, value))
    assert (sample.util, sample.engine, sample.dram, sample.blank) == (None, None, None, True)


@pytest.mark.parametrize("value", INT64)
def test_a_sentinel_of_the_energy_counter(value: int) -> None:
    """64 bits only: floats round it, so it is met by its size."""
    sample = one(series(UTIL, 0), series(ENERGY, value))
    assert (sample.energy_mj, sample.blank) == (None, True)


@pytest.mark.parametrize("value", [*INT32, 2**31 + 5, 10**13])
def test_the_energy_counter_passes_the_small_sentinels(value: int) -> None:
    """0.6 kWh is 2^31 mJ: such a value is a reading."""
    sample = one(series(UTIL, 0), series(ENERGY, value))
    assert (sample.energy_mj, sample.blank) == (float(value), False)


def test_a_series_that_vanished_is_none() -> None:
    """Newer exporters leave blanks out: nothing is known, and nothing is 0."""
    sample = one(series(MEMORY, 300), series(ENERGY, 5))
    assert (sample.util, sample.engine, sample.dram, sample.blank) == (None, None, None, False)


@pytest.mark.parametrize(("codec", "expected"), [(0, None), (37, 0.37)])
def test_an_idle_encoder_says_nothing_of_the_gpu(codec: int, expected: float | None) -> None:
    """Without the GPU's own gauge a busy encoder counts, an idle one does not make the GPU idle."""
    assert one(series(ENC, codec)).util == expected


def test_a_busy_decoder_makes_the_gpu_busy() -> None:
    """The greatest of the three."""
    assert one(series(UTIL, 1), series(ENC, 0), series(DEC, 90)).util == 0.9


def test_a_gpu_without_encoder_is_not_blank() -> None:
    """An A100 has none and shows its sentinel for ever; what is known of the GPU stays known."""
    sample = one(series(UTIL, 0), series(ENC, INT64[2]), series(DEC, INT32[2]))
    assert (sample.util, sample.blank) == (0.0, False)


@pytest.mark.parametrize("value", [*INT64, *INT32])
def test_sentinels_of_memory_and_xid_are_left_out(value: int) -> None:
    """Neither a terabyte of memory nor an error of the GPU."""
    sample = one(series(UTIL, 0), series(MEMORY, value), series(XID, value))
    assert (sample.memory_used_mib, sample.xid, sample.blank) == (None, 0, False)


def test_a_shared_gpu_is_one_gpu() -> None:
    """Time-slicing shows a series for each pod, Prometheus names the pod exported_pod: one UUID, the greatest value."""
    text = series(UTIL, 3, pod="a", namespace="x") + f'{UTIL}{{UUID="{GPU_A}",exported_pod="b"}} 7\n'
    text += series(ENERGY, 10, pod="a") + f'{ENERGY}{{UUID="{GPU_A}",exported_pod="b"}} 10\n'
    assert [(s.uuid, s.util, s.energy_mj) for s in parse(text, NODE)] == [(GPU_A, 0.07, 10.0)]


def test_slices_of_a_gpu_are_told_apart() -> None:
    """MIG: a sample for each GPU_I_ID, no GPU_UTIL, energy of the whole GPU with each; the whole is not one of them."""
    slices = "".join(
        series(ENGINE, busy, GPU_I_PROFILE="1g.5gb", GPU_I_ID=number) for number, busy in (("7", 0.5), ("8", 0))
    )
    found = parse(slices + series(ENERGY, 99) + series(XID, 48), NODE)
    assert [(s.uuid, s.slice_id, s.engine, s.util, s.energy_mj, s.xid) for s in found] == [
        (GPU_A, "7", 0.5, None, 99.0, 48),
        (GPU_A, "8", 0.0, None, 99.0, 48),
    ]


def test_an_idle_whole_gpu_does_not_speak_for_a_silent_slice() -> None:
    """A slice without a gauge stays unknown; a busy whole makes it busy."""
    silent = series(MEMORY, 5, GPU_I_ID="7")
    assert one(silent, series(ENGINE, 0)).engine is None
    assert one(silent, series(ENGINE, 0.3)).engine == 0.3
    assert one(silent, series(ENGINE, FP64[0])).blank is True


@pytest.mark.parametrize("text", [
    "<html>502 Bad Gateway</html>\n", '{"kind":"Status"}\n', series(UTIL, 5)[:-1], series(UTIL, "five"),
    f'{UTIL}{{UUID="{GPU_A}\n',
])  # fmt: skip
def test_what_is_no_such_text_raises(text: str) -> None:
    """A proxy's page, a cut answer: never an idle GPU, never a missing one."""
    with pytest.raises(Unavailable) as raised:
        parse(text, NODE)
    assert NODE in raised.value.message


@pytest.mark.parametrize("cut", range(1, 120, 7))
def test_a_cut_answer_never_looks_whole(cut: int) -> None:
    """Wherever it ends: without its last line feed it is refused, after a whole line it misses a GPU and nothing more."""
    text = series(UTIL, 100) + series(UTIL, 100, GPU_B)
    try:
        found = parse(text[:-cut], NODE)
    except Unavailable:
        return
    assert [s.util for s in found] == [1.0]
