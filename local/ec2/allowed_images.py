"""The Allowed AMIs settings: which images of others an account may find and launch, region by region."""

from __future__ import annotations

from local.ec2.errors import invalid_value, not_modelled
from local.ec2.state import Answer, Call

_MODELLED = {
    *("ImageProviders", "MarketplaceProductCodes", "ImageNames"),
    *("CreationDateCondition", "DeprecationTimeCondition"),
}
_ALIASES = ("amazon", "aws-marketplace", "aws-backup-vault", "none")


def enable(call: Call) -> Answer:
    """EnableAllowedImagesSettings: apply the criteria, or show only what they would do."""
    state = call.need("AllowedImagesSettingsState")
    if state not in ("enabled", "audit-mode"):
        raise invalid_value("AllowedImagesSettingsState", state)
    call.state.image_rules.settings(call.region).state = state
    return {"AllowedImagesSettingsState": state}


def disable(call: Call) -> Answer:
    """DisableAllowedImagesSettings: every image may be used; the criteria stay."""
    call.state.image_rules.settings(call.region).state = "disabled"
    return {"AllowedImagesSettingsState": "disabled"}


def get(call: Call) -> Answer:
    """GetAllowedImagesSettings."""
    settings = call.state.image_rules.settings(call.region)
    return {"State": settings.state, "ImageCriteria": list(settings.criteria), "ManagedBy": "account"}


def replace(call: Call) -> Answer:
    """ReplaceImageCriteriaInAllowedImagesSettings; without criteria only the account's own images pass."""
    criteria = call.get("ImageCriteria", ())
    for criterion in criteria:
        if other := criterion.keys() - _MODELLED:
            raise not_modelled(f"The image criterion {min(other)}")
        providers = criterion.get("ImageProviders", ())
        for name in providers:
            if name not in _ALIASES and not (name.isdecimal() and len(name) == 12):
                raise invalid_value("ImageProvider", name)
        if "none" in providers and len(providers) > 1:
            raise invalid_value("ImageProvider", "none", "No other value can be specified with it.")
    call.state.image_rules.settings(call.region).criteria = tuple(criteria)
    return {"ReturnValue": True}


OPERATIONS = {
    "EnableAllowedImagesSettings": enable,
    "DisableAllowedImagesSettings": disable,
    "GetAllowedImagesSettings": get,
    "ReplaceImageCriteriaInAllowedImagesSettings": replace,
}
