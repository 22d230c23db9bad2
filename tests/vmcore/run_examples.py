# SPDX-License-Identifier: GPL-2.0-or-later
"""Run by pyk-run, without an import: the examples in the docstrings of what the API exports."""

# flake8: noqa: F821

import doctest
import importlib

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL


def documented():
    """Names and objects of the pages of docs/api; one object may have several names."""
    api = importlib.import_module("pykdump.API")
    for name in api.__all__:
        value = getattr(api, name)
        if name in ("pylog", "sys_info"):
            value = type(value)
        if getattr(value, "__module__", "").startswith("pykdump"):
            yield name, value
    for beside in ("pykdump.ASCII_Art", "pykdump.crash", "pykdump.tparser"):
        module = importlib.import_module(beside)
        for name, value in vars(module).items():
            if getattr(value, "__module__", "").startswith("pykdump"):
                yield name, value


def main():
    """Tell of each name how many examples it has, and of those that print something else."""
    names = dict(vars(sys.modules["__main__"]))
    runner = doctest.DocTestRunner(optionflags=FLAGS, verbose=False)
    finder = doctest.DocTestFinder()
    for name, value in dict(documented()).items():
        examples = 0
        pylog.cleanup()  # it shows equal messages once
        for test in finder.find(value, name, module=False, globs=dict(names)):
            runner.run(test)
            examples += len(test.examples)
        print(f"examples {name} {examples}")
    print("failed:", runner.failures)


main()
