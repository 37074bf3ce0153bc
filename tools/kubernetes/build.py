"""Builds a Kubernetes control plane out of its Go modules, once: kube-apiserver and its controllers, etcd, kwok, KubeRay.

    python tools/kubernetes/build.py            builds what is missing, prints the folder of the binaries
    python tools/kubernetes/build.py --where    prints the folder when everything is there, else fails with the reason

It ends with 3 where it cannot even begin: no Go toolchain, or the modules cannot be had; with 1 where a build fails.

The folder is named after the versions (a digest of the go.sum files), so other versions never meet. Where
KUBEBUILDER_ASSETS names a folder that holds all of them, that is the folder. Only the Go toolchain is needed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Smallest first: a toolchain or a proxy that does not work is seen in seconds.
MODULES = ("etcd", "kwok", "kuberay", "control-plane")
PROGRAMS = ("etcd", "kwok", "ray-operator", "kube-scheduler", "kube-controller-manager", "kube-apiserver")
KUBERNETES = "v1.36.3"
CANNOT_BEGIN = 3
_VERSION = "k8s.io/component-base/version"
# etcd's main package is its module's root, so that the toolchain names the binary after the folder.
_RENAMED = {"server": "etcd"}


class CannotBeginError(RuntimeError):
    """What a build needs is not here, and that is nobody's fault in this repository."""


def folder() -> Path:
    """Where the binaries of these versions are, or would be."""
    given = os.environ.get("KUBEBUILDER_ASSETS", "")
    if given and not missing(Path(given)):
        return Path(given)
    digest = hashlib.sha256()
    for module in MODULES:
        digest.update((HERE / module / "go.sum").read_bytes())
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "raygpu" / "kubernetes" / digest.hexdigest()[:16]


def missing(where: Path) -> list[str]:
    """The programs that are not there."""
    return [name for name in PROGRAMS if not os.access(where / name, os.X_OK)]


def build(where: Path) -> None:
    """Builds every module. Raises CannotBeginError before the first, RuntimeError with what stands in the way of one."""
    go = shutil.which("go")
    if go is None:
        raise CannotBeginError("the Go toolchain is not installed: https://go.dev/dl, or apt-get install golang-go")
    for module in MODULES:
        _run(CannotBeginError, f"the modules of {module} cannot be had", module, [go, "mod", "download"], {})
    fresh = where.with_name(f"{where.name}.building-{os.getpid()}")
    fresh.mkdir(parents=True)
    try:
        for module in MODULES:
            print(f"building {module}", file=sys.stderr, flush=True)
            _install(go, module, fresh)
        for built, name in _RENAMED.items():
            (fresh / built).rename(fresh / name)
        where.mkdir(parents=True, exist_ok=True)
        for program in fresh.iterdir():
            program.replace(where / program.name)  # two builds at once leave the same programs
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _install(go: str, module: str, into: Path) -> None:
    stamp = f"-s -w -X {_VERSION}.gitVersion={KUBERNETES} -X {_VERSION}.gitTreeState=clean"
    command = [go, "install", "-trimpath", f"-ldflags={stamp}", "tool"]
    _run(RuntimeError, f"{module} could not be built", module, command, {"CGO_ENABLED": "0", "GOBIN": str(into)})


def _run(error: type[RuntimeError], what: str, module: str, command: list[str], more: dict[str, str]) -> None:
    """A command of Go in a module's folder; raises `error` with the end of what it said."""
    environment = {**os.environ, "GOFLAGS": "-mod=readonly -buildvcs=false", **more}
    done = subprocess.run(command, cwd=HERE / module, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise error(f"{what}:\n{done.stderr.strip()[-2000:]}")


def main() -> int:
    """The command."""
    where = folder()
    if missing(where) and "--where" not in sys.argv:
        try:
            build(where)
        except RuntimeError as failed:
            print(f"No Kubernetes control plane: {failed}", file=sys.stderr)
            return CANNOT_BEGIN if isinstance(failed, CannotBeginError) else 1
    if lacking := missing(where):
        print(f"No Kubernetes control plane: {', '.join(lacking)} not in {where}", file=sys.stderr)
        return 1
    print(where)
    return 0


if __name__ == "__main__":
    sys.exit(main())
