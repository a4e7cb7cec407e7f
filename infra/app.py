"""The CDK app: one stack, judged by cdk-nag's AwsSolutions rules.

``build`` serves the command line, the tests and the embedded AWS alike. The feature flags of ``cdk.json`` are
passed here too: only the ``cdk`` command reads that file, and a template must not depend on who made it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks

from infra.stack import RailyardStack
from infra.stage import read_stage

REPOSITORY = Path(__file__).parent.parent


def build(context: Mapping[str, object] | None = None, outdir: str | None = None) -> App:
    """Construct the app; *context* wins over ``cdk.json``, ``cdk -c`` wins over both.

    Raises InvalidSettings naming every defect of ``railyard.toml`` (context ``config`` names another file).
    """
    flags: dict[str, Any] = json.loads((REPOSITORY / "cdk.json").read_text())["context"]
    app = App(context={**flags, **(context or {})}, outdir=outdir, analytics_reporting=False)
    RailyardStack(app, read_stage(app.node.try_get_context, REPOSITORY))
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    return app
