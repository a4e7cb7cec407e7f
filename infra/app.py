"""The CDK app: one stack, judged by cdk-nag's AwsSolutions rules.

``build`` serves the command line, the tests and the embedded AWS alike. The feature flags of ``cdk.json`` are
passed here too: only the ``cdk`` command reads that file, and a template must not depend on who made it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aws_cdk import (
    App,
    CliCredentialsStackSynthesizer,
    DefaultStackSynthesizer,
    StackSynthesizer,
    Validations,
)
from cdk_nag import AwsSolutionsChecks

from infra.stack import RailyardStack
from infra.stage import read_stage
from railyard.errors import InvalidSettings

REPOSITORY = Path(__file__).parent.parent


def build(context: Mapping[str, object] | None = None, outdir: str | None = None) -> App:
    """Construct the app; *context* wins over ``cdk.json``, ``cdk -c`` wins over both.

    Context ``synthesizer: cli-credentials`` deploys with the caller's own credentials. Raises InvalidSettings
    naming every defect of ``railyard.toml`` (context ``config`` names another file).
    """
    flags: dict[str, Any] = json.loads((REPOSITORY / "cdk.json").read_text())["context"]
    app = App(context={**flags, **(context or {})}, outdir=outdir, analytics_reporting=False)
    stage = read_stage(app.node.try_get_context, REPOSITORY)
    RailyardStack(app, stage, synthesizer=_synthesizer(app.node.try_get_context("synthesizer")))
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    return app


def _synthesizer(name: str | None) -> StackSynthesizer:
    """Return who deploys: the roles of ``cdk bootstrap``, or whoever calls ``cdk`` (``cli-credentials``)."""
    if name in (None, "default"):
        return DefaultStackSynthesizer()
    if name == "cli-credentials":
        return CliCredentialsStackSynthesizer()
    raise InvalidSettings(f"synthesizer: expected default or cli-credentials, found {name}")
