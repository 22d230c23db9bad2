# SPDX-License-Identifier: GPL-2.0-or-later
"""What all pykdump commands share: words, errors as one sentence, completion."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import gdb

from pykdump.errors import Interrupted, PykdumpError
from pykdump.tool import HelpShown

Action = Callable[[], object]


def run_as_command(action: Action) -> None:
    """Do something as a command does: its errors become GDB's, one sentence each."""
    try:
        action()
    except HelpShown:
        pass
    except (KeyboardInterrupt, Interrupted) as stopped:
        raise gdb.GdbError(str(stopped) or "interrupted") from None
    except PykdumpError as error:
        raise gdb.GdbError(str(error)) from None


class Command(gdb.Command):
    """A GDB command; its docstring is its help. `run` does the work and may raise PykdumpError."""

    #: Options offered by tab completion.
    options: tuple[str, ...] = ()

    #: Whether the other arguments are files.
    takes_files = False

    def run(self, arguments: str) -> None:
        raise NotImplementedError

    def invoke(self, arguments: str, from_tty: bool) -> None:
        self.dont_repeat()
        run_as_command(lambda: self.run(arguments))

    def complete(self, text: str, word: str) -> int | Sequence[str]:
        last = text.split(" ")[-1]
        if last.startswith("-"):
            # GDB breaks words at dashes, and wants back what replaces `word`.
            skip = len(last) - len(word)
            return [option[skip:] for option in self.options if option.startswith(last)]
        return gdb.COMPLETE_FILENAME if self.takes_files else []
