# SPDX-License-Identifier: GPL-2.0-or-later
"""What pykdump adds to GDB: commands, functions, and the session that ties a dump to it."""

from __future__ import annotations

_registered = False


def register() -> None:
    """Add the commands and functions to GDB; doing it twice is harmless."""
    global _registered
    if _registered:
        return
    from LinuxDump import api_models, old_names  # noqa: F401
    from pykdump import models
    from pykdump_gdb import (
        commands,
        events,
        functions,
        index,
        module_autoload,
        module_commands,
        module_loading,
        refusals,
        script_commands,
        tools,
        type_cache,
        unwinder,
    )

    index.enable()
    commands.register()
    module_commands.register()
    module_loading.register()
    module_autoload.register()
    type_cache.register()
    functions.register()
    tools.register()
    script_commands.register()
    events.register()
    unwinder.register()
    models.provider = api_models.KernelModels()
    refusals.register()
    _registered = True
