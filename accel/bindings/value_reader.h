// SPDX-License-Identifier: GPL-2.0-or-later
// How a value of some C type is read from memory and becomes a Python object.
#pragma once

#include "bindings/convert.h"
#include "objects/bits.h"

namespace pyk {

// What is being read, for messages: a member of a struct's class, or nothing in particular.
struct ReadLabel {
    PyObject* type = nullptr;
    PyObject* name = nullptr;
};

class ValueReader {
 public:
    enum class Kind {
        kInteger,
        kBool,
        kPointer,        // an integer, but a NULL place is an IndexError, as for all below
        kStruct,         // an object of class `make` at the place
        kStructPointer,  // an object of class `make` at the address that lies there
        kText,           // make(bytes, addr, None)
        kTextPointer,    // make(bytes, addr, place), or None where NULL lies
        kArray,          // a list of `count` values of `element`, `stride` bytes apart
        kPlace,          // make(addr): nothing is read here
    };

    Kind kind = Kind::kInteger;
    Bits bits;
    std::uint64_t count = 0, stride = 0;  // kText: count bytes
    py::object make;                      // of integers and pointers too, unless it is None
    std::shared_ptr<const ValueReader> element;
    bool makes_text = false;  // `make` is a class of text

    // A new reference; null with a Python exception set.
    PyObject* read(std::uint64_t addr, const ReadLabel& label) const;

 private:
    PyObject* from_bytes(ByteSpan raw) const;
    PyObject* read_text(std::uint64_t addr, std::uint64_t place, const ReadLabel& label) const;
    PyObject* read_array(std::uint64_t addr, const ReadLabel& label) const;
    bool is_integer() const { return kind <= Kind::kPointer; }
};

// A member of a struct, perhaps behind pointers: the offsets of the pointers to follow come first.
struct MemberReader {
    std::shared_ptr<const ValueReader> value;
    std::uint64_t offset = 0;
    std::vector<std::uint64_t> hops;

    PyObject* read(std::uint64_t addr, const ReadLabel& label) const;
};

// An object of a struct's class, whose value is its address; null with an exception set.
PyObject* make_struct(PyObject* type, std::uint64_t addr);

}  // namespace pyk
