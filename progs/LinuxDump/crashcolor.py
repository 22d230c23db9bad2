# SPDX-License-Identifier: GPL-2.0-or-later
"""Classic names: colours and the cursor of a terminal, by ANSI codes written to stdout."""

from __future__ import annotations

import sys

from pykdump.star import with_api

BLACK, RED, GREEN, YELLOW, BLUE, MAGENTA, CYAN, WHITE = range(30, 38)
LIGHTBLACK, LIGHTRED, LIGHTGREEN, LIGHTYELLOW = range(90, 94)
LIGHTBLUE, LIGHTMAGENTA, LIGHTCYAN, LIGHTWHITE = range(94, 98)
RESET, BOLD, UNDERLINE, BLINK, INVERT = 0, 1, 4, 5, 7

# A background is its foreground's number and this.
_BACKGROUND = 10


def get_color(c: int) -> str:
    """The code of a colour or attribute, as text."""
    return f"\033[{c}m"


def set_color(c: int) -> None:
    """Write in this colour, or with this attribute, from now on."""
    sys.stdout.write(get_color(c))


def set_bg_color(c: int) -> None:
    """Write on this colour from now on."""
    set_color(c + _BACKGROUND if c else RESET)


def move_cursor(row: int, column: int) -> None:
    """Go on at this place, counted from 1."""
    sys.stdout.write(f"\033[{row};{column}H")


def clear_screen() -> None:
    """Empty the screen and go to its upper left corner."""
    sys.stdout.write("\033[2J\033[H")


def clear_line() -> None:
    """Empty the line."""
    sys.stdout.write("\033[2K")


def hide_cursor() -> None:
    """Do not show the cursor."""
    sys.stdout.write("\033[?25l")


def show_cursor() -> None:
    """Show the cursor again."""
    sys.stdout.write("\033[?25h")


__getattr__ = with_api(globals())
