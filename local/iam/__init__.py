"""Callers' IAM: who signed a request to the API, and whether their policies let them.

``patterns``, ``conditions`` and ``policy`` decide, purely; ``callers`` reads moto's IAM; ``signature`` verifies;
``door`` puts the three together. What is not modelled is refused by name, never allowed in silence.
"""
