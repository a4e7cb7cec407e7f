"""Clients for this AWS, a clean moto for each world, and the requester that this machine is."""

from __future__ import annotations

import os
import warnings
from typing import Any

import boto3
from botocore.config import Config
from moto.core.base_backend import BackendDict
from moto.sqs.models import sqs_backends

from local.identity import ACCOUNT, REGION, USER_SENDER_ID
from local.shims import custom, queues, transactions

REQUESTER = "local"
QUIET = {
    # Assets stay folders: no zip of them is put into S3, and moto must not look for one.
    "VALIDATE_LAMBDA_S3": "false",
    "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
    "MOTO_ACCOUNT_ID": ACCOUNT,
}


def fresh_moto() -> None:
    """Forget what a world before this one left in moto."""
    os.environ.update(QUIET)
    # moto warns of types that it skips; preflight has refused those by name.
    warnings.filterwarnings("ignore", module=r"moto\..*")
    registry: Any = BackendDict
    for backends in list(registry._instances):
        for account in list(backends.values()):
            account.reset()
    custom.PENDING.clear()
    queues.forget()
    transactions.forget()


def aws_client(endpoint: str, service: str, region: str = REGION, *, key: str = "test") -> Any:
    """Return a boto3 client for the holder of *key*; ``test`` is this machine's user."""
    session = boto3.Session(key, "test", region_name=region)
    quick = Config(retries={"max_attempts": 2, "mode": "standard"}, read_timeout=120)
    client: Any = session.client(service, endpoint_url=endpoint, config=quick)  # type: ignore[call-overload]
    return client


def reply_queue_name(stage: str) -> str:
    """Return the queue that answers with ``reply_to: "local"`` go to."""
    return f"{stage}-replies-{REQUESTER}"


def requester_context(stage: str) -> dict[str, Any]:
    """Return the synthesis context that registers whoever uses this machine as requester ``local``."""
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{reply_queue_name(stage)}"
    return {REQUESTER: {"principals": [USER_SENDER_ID], "reply_queue_arn": arn}}


def queue_depths() -> dict[str, dict[str, int]]:
    """Return how many messages each queue shows and hides."""
    depths = {}
    for name, queue in sqs_backends[ACCOUNT][REGION].queues.items():
        visible = len(queue.messages)
        depths[name] = {"visible": visible, "hidden": len(queue._messages) - visible}
    return depths
