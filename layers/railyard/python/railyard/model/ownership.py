"""The tags that mean "ours". Nothing without them is ever touched.

They are written at birth, by the call that creates the thing, and never later: a role that could both tag and
terminate could terminate anything.
"""

from __future__ import annotations

STACK = "railyard:stack"
POOL = "railyard:pool"
LAUNCH = "railyard:launch"
ENDS_AT = "railyard:ends-at"
HOLD = "railyard:hold"
PARAMETER = "railyard:parameter:"
