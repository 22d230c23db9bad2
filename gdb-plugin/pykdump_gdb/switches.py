# SPDX-License-Identifier: GPL-2.0-or-later
"""`pyctl`: the switches that modules registered, for finding faults in scripts and in the API."""

from __future__ import annotations

import argparse

import gdb

from pykdump.Generic import PyCtl
from pykdump.tool import Parser
from pykdump_gdb.command import Command

_OWN_HELP = """\
pyctl                    list the switches
pyctl -v                 with what each is for
pyctl NAME               show one
pyctl NAME=VALUE ...     set; they stay for the session
pyctl --ls [NAME ...], --set NAME=VALUE ..., --clear [NAME ...]   the older form"""


class Pyctl(Command):
    """List and set switches for finding faults in scripts and in the API.
    Usage: pyctl [-v] [NAME[=VALUE] ...]
           pyctl --ls [NAME ...] | --set NAME=VALUE ... | --clear [NAME ...]

    Values stay for the session. --clear gives switches the values that they had at first."""

    options = ("-v", "-a", "--ls", "--set", "--clear")

    def __init__(self) -> None:
        super().__init__("pyctl", gdb.COMMAND_SUPPORT)

    def run(self, arguments: str) -> None:
        main(gdb.string_to_argv(arguments))


def main(words: list[str]) -> None:
    """Do what the words ask for, and print."""
    parser = Parser(prog="pyctl", add_help=False)
    parser.add_argument("-h", "--help", action="store_true")
    parser.add_argument("-v", "--verbose", action="store_true")
    parser.add_argument("-a", "--all", action="store_true")
    parser.add_argument("--ls", nargs="*")
    parser.add_argument("--set", nargs="+", default=[])
    parser.add_argument("--clear", nargs="*")
    parser.add_argument("names", nargs="*")
    asked = parser.parse_args(words)
    if asked.help:
        print(_OWN_HELP)
        return
    settings = [*asked.set, *(word for word in asked.names if "=" in word)]
    if settings:
        done = [setting for setting in settings if _set(setting)]
        if done:
            print(f"Set: {done}")
    if asked.clear is not None:
        for switch in _chosen(asked.clear):
            switch.reset()
    shown = [*(asked.ls or []), *(word for word in asked.names if "=" not in word)]
    if shown or not (settings or asked.clear is not None):
        _list(shown, asked)


def _set(setting: str) -> bool:
    name, _, value = setting.partition("=")
    for switch in _chosen([name]):
        try:
            switch.set(value)
            return True
        except ValueError:
            print(f"{name}: {value} is no value for it; it is {switch.value}")
    return False


def _chosen(names: list[str]) -> list[PyCtl]:
    for name in names:
        if name not in PyCtl.registry:
            print(f"there is no switch {name}; pyctl lists them")
    wanted = names or sorted(PyCtl.registry)
    return [PyCtl.registry[name] for name in wanted if name in PyCtl.registry]


def _list(names: list[str], asked: argparse.Namespace) -> None:
    print(" -- Listing registered options --")
    for switch in _chosen(names):
        print(f"    <{switch.name}={switch.value}>   in {switch.where}")
        if asked.verbose:
            print(f"        {switch.help or 'no help'}; default {switch.default}")


def register() -> None:
    """Add the command to GDB."""
    Pyctl()
