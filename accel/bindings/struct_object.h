// SPDX-License-Identifier: GPL-2.0-or-later
// The Python type of structs in memory: an int (the address) whose attributes are the members.
#pragma once

#include "bindings/value_reader.h"

namespace pyk {

// Subclasses, one a C type, have a classmethod _resolve(name) that is asked once for each member:
// it returns a Member, a callable that takes the object, or None for an ordinary attribute; and a
// classmethod _unknown(name) that returns the exception for an attribute that is nothing of these.
PyObject* struct_object_type();  // a borrowed reference

// What _resolve said is asked again.
void forget_members();

}  // namespace pyk
