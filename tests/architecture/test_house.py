"""The house's own rules: the same rooms everywhere, brains without an SDK, numbers that agree, import rules that bite."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from allocate_instances.settings import Settings as Allocate
from infra.queues import ALLOCATE_SECONDS
from reap_instances.settings import Settings as Reap
from track_instances.settings import Settings as Track

ROOT = Path(__file__).parents[2]
FUNCTIONS = sorted(each.name for each in (ROOT / "functions").iterdir() if (each / "handler.py").exists())
SOURCES = ("functions", "layers/railyard/python/railyard", "infra", "local")
MODULES = sorted(path for source in SOURCES for path in (ROOT / source).rglob("*.py"))


def test_each_function_has_its_service_and_its_tests() -> None:
    services = {path.stem for path in (ROOT / "infra" / "services").glob("*.py")} - {"__init__"}
    tests = {path.name for path in (ROOT / "tests" / "functions").iterdir() if any(path.rglob("test_*.py"))}
    assert set(FUNCTIONS) == services
    assert set(FUNCTIONS) - tests == set()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_has_its_four_rooms(function: str) -> None:
    folder = ROOT / "functions" / function
    assert all((folder / f"{room}.py").is_file() for room in ("handler", "settings", "run"))
    assert (folder / "plan.py").is_file() or (folder / "plan" / "__init__.py").is_file()


def test_no_brain_loads_an_sdk() -> None:
    plans = [
        ".".join(path.relative_to(ROOT / "functions").with_suffix("").parts)
        for path in (ROOT / "functions").rglob("*.py")
        if "plan" in path.relative_to(ROOT / "functions").with_suffix("").parts and path.stem != "__init__"
    ]
    assert len(plans) >= len(FUNCTIONS)
    sdk = ("boto3", "botocore", "requests", "pysequoia", "aws_lambda_powertools")
    code = f"import sys, {', '.join(sorted(plans))}; print([n for n in {sdk} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_numbers_of_the_protocol_agree() -> None:
    timeout = timedelta(seconds=ALLOCATE_SECONDS)
    allocate, reap = Allocate.__dataclass_fields__, Reap.__dataclass_fields__
    in_flight = timedelta(seconds=300)
    assert timeout == timedelta(seconds=90) == allocate["lock"].default
    assert allocate["call_margin"].default == timedelta(seconds=50)
    assert allocate["repeat_window"].default == timedelta(minutes=60)
    visibility = timedelta(seconds=300)
    for settings in (Allocate, Reap, Track):
        assert settings.__dataclass_fields__["visibility"].default == visibility
    assert reap["close_wait"].default == timeout + in_flight + visibility == timedelta(seconds=690)
    assert reap["clock_tolerance"].default == timedelta(seconds=30)
    assert reap["orphan_grace"].default == timedelta(minutes=15)
    assert reap["max_terminations"].default == 100


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_says_what_it_is_and_is_not_called_after_nothing(path: Path) -> None:
    text = path.read_text()
    assert not text.strip() or ast.get_docstring(ast.parse(text))
    assert {path.stem, path.parent.name} & {
        "utils",
        "util",
        "common",
        "helper",
        "helpers",
        "manager",
    } == set()


def imports_kept(tree: Path) -> bool:
    """Whether the import rules hold in a copy of the sources at *tree*."""
    roots = os.pathsep.join(str(tree / each) for each in ("functions", "layers/railyard/python", "."))
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=tree,
        env=os.environ | {"PYTHONPATH": roots},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Contracts:" in done.stdout, done.stdout + done.stderr
    return done.returncode == 0


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for source in SOURCES:
        ignored = shutil.ignore_patterns("__pycache__", "data")
        shutil.copytree(ROOT / source, tmp_path / source, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_sources_keep_the_import_rules(tree: Path) -> None:
    assert imports_kept(tree)


@pytest.mark.parametrize(
    ("module", "wrong"),
    [
        ("functions/keep_leases/plan.py", "import time"),
        ("functions/allocate_instances/plan/placing.py", "import os"),
        ("functions/reap_instances/run.py", "import boto3"),
        ("functions/track_instances/run.py", "import railyard.aws.clock"),
        ("functions/serve_api/handler.py", "import keep_leases.plan"),
        ("functions/serve_api/handler.py", "import local.world"),
        ("functions/refresh_catalogue/handler.py", "import requests"),
        ("functions/refresh_amis/handler.py", "import requests"),
        ("functions/refresh_amis/handler.py", "import pysequoia"),
        ("functions/serve_api/handler.py", "import railyard.flatcar.sources"),
        ("functions/serve_api/handler.py", "import railyard.images"),
        ("layers/railyard/python/railyard/telemetry.py", "import railyard.flatcar.forms"),
        ("layers/railyard/python/railyard/flatcar/feeds.py", "import requests"),
        ("layers/railyard/python/railyard/flatcar/sources.py", "import pysequoia"),
        ("layers/railyard/python/railyard/flatcar/forms.py", "import time"),
        ("layers/railyard/python/railyard/model/room.py", "import railyard.aws.clock"),
        ("layers/railyard/python/railyard/errors.py", "import keep_leases.plan"),
        ("infra/queues.py", "import reap_instances.run"),
    ],
)
def test_a_forbidden_import_is_seen(tree: Path, module: str, wrong: str) -> None:
    path = tree / module
    path.write_text(path.read_text() + f"\n{wrong}\n")
    assert not imports_kept(tree)
