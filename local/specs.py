"""What a function is, read from the template, and the environment that its workers get."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from local.identity import ACCOUNT, REGION


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSpec:
    """One function, read from the template (moto drops layers and architecture)."""

    name: str
    logical_id: str
    handler: str
    asset: Path
    layers: tuple[Path, ...]
    environment: dict[str, str]
    timeout_seconds: float
    memory_mib: int
    log_group: str
    role: str

    @property
    def arn(self) -> str:
        """Return the function's ARN."""
        return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What every worker of a world shares."""

    state: Path
    runtime: Path
    clock: Path
    endpoint: str


def environment(
    spec: FunctionSpec, access_key: str, worker_id: str, api: str, around: Surroundings
) -> dict[str, str]:
    """Return all of a worker's environment: the template's, Lambda's, and what the bootstrap takes out."""
    home = around.state / "home"  # empty: ~/.aws could change how botocore loads its models
    return spec.environment | {
        "_HANDLER": spec.handler,
        "_LAYERS": os.pathsep.join(str(layer) for layer in spec.layers),
        "_RUNTIME": str(around.runtime),
        "_CLOCK": str(around.clock),
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_SESSION_TOKEN": worker_id,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": around.endpoint,
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_mib),
        "AWS_LAMBDA_FUNCTION_NAME": spec.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "AWS_LAMBDA_LOG_GROUP_NAME": spec.log_group,
        "AWS_LAMBDA_LOG_LEVEL": "INFO",
        "AWS_LAMBDA_LOG_STREAM_NAME": f"local/[$LATEST]{worker_id}",
        "AWS_LAMBDA_RUNTIME_API": api,
        "AWS_REGION": REGION,
        "HOME": str(home),
        "LAMBDA_TASK_ROOT": str(spec.asset),
        "LANG": "en_US.UTF-8",
        "PATH": os.defpath,
        "TZ": ":UTC",
    }
