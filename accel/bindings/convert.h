// SPDX-License-Identifier: GPL-2.0-or-later
// What the bind_*.cpp files share.
#pragma once

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/bytes.h"
#include "dump/dump.h"

namespace pyk {

namespace py = pybind11;

using DumpPtr = std::shared_ptr<Dump>;

// An address as Python computed it. Where C would wrap, so does this: what is less than 0 or more
// than 64 bits, as of a container whose member a damaged pointer claims to point at.
struct PyAddr {
    std::uint64_t value = 0;
};

inline py::bytes to_bytes(ByteSpan bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline ByteSpan from_bytes(const py::bytes& bytes) {
    return as_bytes(static_cast<std::string_view>(bytes));
}

// Addresses out of an array (read without a copy of its own) or a sequence, each less `less`.
std::vector<KernelAddr> to_addrs(const py::object& source, std::uint64_t less = 0);

std::string hex(std::uint64_t value);

// A Python callable (or None) as Progress, to be called without the GIL. Notices Ctrl-C.
Progress to_progress(py::object callable);

// For long walks, which ask it without the GIL and may well hold a dump's reader: whether the user
// pressed Ctrl-C. So nobody may wait for a reader while holding the GIL.
std::function<bool()> ctrl_c();

void bind_dump(py::module_& m);
void bind_interrupt(py::module_& m);
void bind_objects(py::module_& m);
void bind_layout(py::module_& m);
void bind_bulk(py::module_& m);
void bind_orc(py::module_& m);
void bind_symbols(py::module_& m);
void bind_target(py::module_& m);
void bind_walk(py::module_& m);

}  // namespace pyk

template <>
struct pybind11::detail::type_caster<pyk::PyAddr> {
    PYBIND11_TYPE_CASTER(pyk::PyAddr, const_name("int"));

    bool load(handle source, bool /*convert*/) {
        if (!source || PyIndex_Check(source.ptr()) == 0) return false;
        value.value = PyLong_AsUnsignedLongLongMask(source.ptr());
        if (PyErr_Occurred() == nullptr) return true;
        PyErr_Clear();
        return false;
    }

    static handle cast(pyk::PyAddr source, return_value_policy /*policy*/, handle /*parent*/) {
        return PyLong_FromUnsignedLongLong(source.value);
    }
};
