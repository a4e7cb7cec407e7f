"""EC2 as Railyard meets it on one machine: a strict model, its wire format, and the Price List API beside it.

``model.Ec2`` is the model; ``wire.respond`` puts it behind HTTP; ``pricing`` answers GetProducts.
"""

from local.ec2.errors import Ec2Error
from local.ec2.instance import Instance
from local.ec2.model import Ec2
from local.ec2.timing import HARSH, PROMPT, Timing

__all__ = ["HARSH", "PROMPT", "Ec2", "Ec2Error", "Instance", "Timing"]
