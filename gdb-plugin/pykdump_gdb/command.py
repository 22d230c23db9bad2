# SPDX-License-Identifier: GPL-2.0-or-later
"""What all pykdump commands share: words, errors as one sentence, completion."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Sequence

import gdb

from pykdump import kept
from pykdump.errors import Interrupted, PykdumpError
from pykdump.tool import HelpShown

Action = Callable[[], object]


def run_as_command(action: Action) -> None:
    """Do something as a command does: its errors become GDB's, one sentence each."""
    try:
        try:
            action()
        finally:
            kept.save()
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

    def complete(self, text: str, word: str | None) -> int | Sequence[str]:
        last = text.split(" ")[-1]
        if last.startswith("-"):
            # GDB breaks words at dashes, and wants back what replaces `word`.
            skip = 0 if word is None else len(last) - len(word)
            return [option[skip:] for option in self.options if option.startswith(last)]
        if not self.takes_files:
            return []
        # GDB's own completion takes all words for one name. It is asked first, with no word, for
        # the characters that end a word, and those of file names are right in any case.
        if word is None or " " not in text.lstrip():
            return gdb.COMPLETE_FILENAME
        return _file_names(last)


def _file_names(beginning: str) -> list[str]:
    found = glob.glob(glob.escape(os.path.expanduser(beginning)) + "*")
    if len(found) == 1 and os.path.isdir(found[0]):
        # A blank would be put after a folder: go on to what is in it.
        found = glob.glob(os.path.join(glob.escape(found[0]), "*")) or [found[0] + "/"]
    if beginning.startswith("~"):
        home = os.path.expanduser("~")
        found = ["~" + name[len(home) :] for name in found if name.startswith(home)]
    return sorted(found)
