"""The importer's command: what it prints can be pasted, and what is wrong ends it with 1."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from railyard.importing import DEPLOYED, main, pool_toml
from railyard.wire.ami_sets import read_ami_set
from railyard.wire.pools import PoolDocument, pool_defects

DOCUMENT: dict[str, Any] = {
    "workerType": "gecko-t-linux",
    "description": 'It\'s a "test"\nworker',
    "owner": "ci@example.com",
    "launchSpec": {"SecurityGroups": ["docker-worker"]},
    "regions": [
        {
            "region": "us-west-2",
            "launchSpec": {"ImageId": "ami-0123abcd"},
            "secrets": {},
            "scopes": [],
            "userData": {},
        },
        {
            "region": "us-east-1",
            "launchSpec": {"ImageId": "ami-0123abce"},
            "secrets": {},
            "scopes": [],
            "userData": {},
        },
    ],
    "instanceTypes": [{"instanceType": "m5.large", "capacity": 1, "utility": 1, "launchSpec": {}}],
    "minCapacity": 0,
    "maxCapacity": 20,
    "minPrice": 0,
    "maxPrice": 0.3,
    "scalingRatio": 0,
}


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "worker.json"
    path.write_text(json.dumps(DOCUMENT))
    return path


def run(*arguments: object, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = main([str(each) for each in arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def pool_of(out: str) -> tuple[str, Any]:
    text = re.search(r"^\[pools\..*?(?=\n\n#)", out, re.MULTILINE | re.DOTALL)
    assert text
    ((name, pool),) = tomllib.loads(text[0])["pools"].items()
    return name, pool


def bodies_of(out: str) -> dict[str, Any]:
    found = re.findall(r'"\$\{RAILYARD_API%/\}/(\S+)" .*?<<\'JSON\'\n(.*?)\nJSON\n', out, re.DOTALL)
    return {path: json.loads(body) for path, body in found}


def test_the_pool_and_both_bodies_can_be_pasted(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(written, "--region", "us-west-2", "--name", "ci", capsys=capsys)
    assert code == 0
    name, pool = pool_of(out)
    assert (name, pool["types"]) == ("ci", {"allow": ["m5.large"]})
    assert pool_defects(name, pool) == ()
    bodies = bodies_of(out)
    assert read_ami_set("ci", bodies["ami-sets/ci"]).image("us-east-1", "amd64") == "ami-0123abce"
    assert bodies["deployments/ci/ci"] == DEPLOYED
    assert "aws:amz:us-west-2:execute-api" in out
    assert all(line.startswith("warning: ") for line in err.splitlines())
    assert "warning: launchSpec.SecurityGroups[0]: " in err


def test_the_shell_hands_the_bodies_over_as_they_are(
    written: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = run(written, "--region", "us-west-2", capsys=capsys)
    create = out[out.index("curl") : out.index("# 2.")]
    script = f'curl() {{ printf "%s\\n" "$@" > "{tmp_path}/arguments"; cat > "{tmp_path}/body"; }}\n{create}'
    environ = {
        "PATH": "/usr/bin:/bin",
        "RAILYARD_API": "https://api/v1/",
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": "key",
    }
    subprocess.run(["bash", "-c", script], env=environ, check=True)
    assert json.loads((tmp_path / "body").read_text())["description"] == DOCUMENT["description"]
    arguments = (tmp_path / "arguments").read_text().splitlines()
    assert {"https://api/v1/ami-sets/gecko-t-linux", "id:key", "PUT"} <= set(arguments)


def test_errors_go_to_stderr_and_nothing_to_stdout(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written.write_text(json.dumps(DOCUMENT | {"maxCapacity": -1, "co\x1blour\n": 1}))
    code, out, err = run(written, "--region", "eu-west-1", capsys=capsys)
    assert (code, out) == (1, "")
    where = [line.split(": ")[1] for line in err.splitlines()]
    assert where == ["maxCapacity", "co\\x1blour\\n", "regions"]


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff", b'{"a": 1, "a": 2}'])
def test_a_file_that_holds_no_object_is_an_error(
    written: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    written.write_bytes(content)
    code, out, err = run(written, "--region", "us-west-2", capsys=capsys)
    assert (code, out) == (1, "")
    assert err.startswith(f"error: {written}: ")


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path / "none.json", "--region", "us-west-2", capsys=capsys)[0] == 1


def test_a_hyphen_reads_stdin(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(DOCUMENT)))
    code, out, _ = run("-", "--region", "us-east-1", capsys=capsys)
    assert (code, pool_of(out)[0]) == (0, "gecko-t-linux")


def test_it_is_a_command_that_loads_no_sdk(written: Path) -> None:
    code = (
        "import sys, runpy; sys.argv = ['importing', *sys.argv[1:]]\n"
        "try: runpy.run_module('railyard.importing', run_name='__main__')\n"
        "except SystemExit as over: assert over.code == 0\n"
        "assert not {'boto3', 'botocore', 'requests'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(written), "--region", "us-west-2", "--types", "m5.*", "c5.*"],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr.count("Traceback")) == (0, 0)
    assert pool_of(done.stdout)[1]["types"] == {"allow": ["m5.large"]}


VALUES = st.recursive(
    st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(name=st.text(), pool=st.dictionaries(st.text(), VALUES, max_size=4))
def test_toml_says_what_the_pool_says(name: str, pool: dict[str, Any]) -> None:
    assert tomllib.loads(pool_toml(name, pool)) == {"pools": {name: pool}}


def test_a_whole_pool_comes_back_from_its_toml() -> None:
    whole = msgspec.to_builtins(PoolDocument(tags={"team:a b": 'x"y'}))
    said = {key: value for key, value in whole.items() if value is not None}
    said["disk"] = {key: value for key, value in said["disk"].items() if value is not None}
    assert tomllib.loads(pool_toml("a", said))["pools"]["a"] == json.loads(json.dumps(said))
