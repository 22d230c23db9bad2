# SPDX-License-Identifier: GPL-2.0-or-later
"""The name that ASCII_Art had before 2019."""

from pykdump.ASCII_Art import AA_Node, EmbeddedFrames

__all__ = ["AA_Node", "EmbeddedFrames"]
