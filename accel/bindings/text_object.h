// SPDX-License-Identifier: GPL-2.0-or-later
// Text from memory as Python's str, with the bytes that were read and where they lay. The classic
// API's SmartString derives from it.
#pragma once

#include "bindings/convert.h"

namespace pyk {

// The Python type; the reference is borrowed.
PyObject* text_object_type();

bool is_text_class(const py::object& type);

// An object of a class of text: its value is `raw` up to a NUL, other bytes than ASCII escaped.
// `place` is where a pointer to the text lies, 0 for arrays. Null with an exception set.
PyObject* make_text(PyObject* type, ByteSpan raw, std::uint64_t addr, std::uint64_t place);

}  // namespace pyk
