"""Synthesise the stack: ``cdk synth``, ``cdk deploy`` and ``make synth`` start here."""

import os
import sys

from infra.app import build
from railyard.errors import InvalidSettings

try:
    app = build(outdir=os.environ.get("CDK_OUTDIR", "cdk.out"))
except InvalidSettings as wrong:
    sys.exit(f"{wrong}")
app.synth()
