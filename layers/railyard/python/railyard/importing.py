"""Bring a worker type of Taskcluster's aws-provisioner here: ``python -m railyard.importing FILE --region us-west-2``.

It asks nobody and changes nothing. What it prints on stdout is to be read, and pasted: the pool for ``railyard.toml``,
and the commands that create the AMI set and deploy it to the pool. On stderr is what was not taken, or, with exit code
1, every reason why there is nothing to print. docs/importing.md goes through the document field by field.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from railyard.errors import InvalidRequest
from railyard.wire.decoding import read_object
from railyard.wire.launch_specs import Imported, import_worker_type

SIGNED = """\
curl -sS --fail-with-body \\
  --aws-sigv4 aws:amz:{region}:execute-api --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \\
  --header "x-amz-security-token: $AWS_SESSION_TOKEN" --header "content-type: application/json" \\
  --request PUT "${{RAILYARD_API%/}}/{path}" --data-binary @- <<'JSON'
{body}
JSON
"""
DEPLOYED = {"version": "latest", "follow": "never", "reason": "imported from aws-provisioner"}
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def pool_toml(name: str, pool: Mapping[str, Any]) -> str:
    """Return the table of a pool for ``railyard.toml``."""
    lines = [f"{_key(key)} = {_toml(value)}\n" for key, value in pool.items()]
    return f"[pools.{_key(name)}]\n{''.join(lines)}"


def instructions(imported: Imported, region: str) -> str:
    """Return what to do with a pool and its set, in order, ready to be pasted."""
    name = imported.name
    body = json.dumps(imported.ami_set, indent=2, ensure_ascii=False)
    create = SIGNED.format(region=region, path=f"ami-sets/{name}", body=body)
    deploy = SIGNED.format(region=region, path=f"deployments/{name}/{name}", body=json.dumps(DEPLOYED))
    return (
        "# The commands need curl 7.76 or later, RAILYARD_API, which is the output ApiUrl of the stack in "
        f"{region},\n# and credentials in the environment: aws configure export-credentials --format env\n\n"
        f"# 1. Create the AMI set.\n{create}\n"
        f"# 2. Write this into railyard.toml, then: npx cdk deploy\n{pool_toml(name, imported.pool)}\n"
        f"# 3. Let the pool launch the set's images. Until then it launches Flatcar's stable channel.\n{deploy}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what the command line asks for; 1 if the worker type cannot be imported."""
    given = _parser().parse_args(arguments)
    try:
        text = sys.stdin.read() if given.file == "-" else Path(given.file).read_text(encoding="utf-8")
        value = read_object(text)
    except (OSError, UnicodeDecodeError, InvalidRequest) as unread:
        _say(f"error: {given.file}: {unread}")
        return 1
    imported = import_worker_type(value, region=given.region, name=given.name, types=given.types)
    for each in imported.errors:
        _say(f"error: {each}")
    for each in imported.warnings:
        _say(f"warning: {each}")
    if imported.errors:
        return 1
    sys.stdout.write(instructions(imported, given.region))
    return 0


def _say(line: str) -> None:
    """Say *line* on stderr; what a document's keys hold must neither break the line nor steer a terminal."""
    shown = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in line)
    print(shown, file=sys.stderr)  # noqa: T201


def _toml(value: object) -> str:
    """Return *value* in TOML; JSON writes strings, numbers and booleans the same way, but for DEL."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {_toml(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _toml(key)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m railyard.importing",
        description="Bring a worker type of Taskcluster's aws-provisioner here.",
    )
    parser.add_argument("file", metavar="FILE", help="the worker type as JSON; - for stdin")
    parser.add_argument("--region", required=True, help="the region of the stack that gets the pool")
    parser.add_argument(
        "--name", default="", help="of the pool and the AMI set; the worker type's own if absent"
    )
    parser.add_argument(
        "--types",
        nargs="+",
        default=["*"],
        metavar="GLOB",
        help="take these instance types only, such as 'm5.*'",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
