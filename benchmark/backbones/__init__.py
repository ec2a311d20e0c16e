"""Backbones by name: parses ``unet[channels=32-64]`` and builds the network when asked."""

from benchmark.backbones.options import BackboneSpec, build, parse_backbone

__all__ = ["BackboneSpec", "build", "parse_backbone"]
