"""Constructs of this house: each holds the choices that every use would repeat."""
