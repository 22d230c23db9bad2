# SPDX-License-Identifier: GPL-2.0-or-later
"""The garbage collector rests for a while, and is what it was afterwards."""

from __future__ import annotations

import gc

import pytest

from pykdump import collector


def test_it_rests_and_goes_on_also_after_an_error() -> None:
    with pytest.raises(ValueError), collector.paused():
        assert not gc.isenabled()
        raise ValueError
    assert gc.isenabled()


def test_a_user_who_switched_it_off_finds_it_off() -> None:
    gc.disable()
    try:
        with collector.paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
