// SPDX-License-Identifier: GPL-2.0-or-later
#include <chrono>

#include "base/error.h"
#include "bindings/convert.h"

namespace pyk {
namespace {

void bind_errors(py::module_& m) {
    const auto error = py::register_exception<Error>(m, "Error");
    py::register_exception<OpenError>(m, "OpenError", error);
    const auto crash_error = py::register_exception<CrashError>(m, "CrashError", error);
    py::register_exception<ReadError>(m, "ReadError", crash_error);
    py::register_exception<Interrupted>(m, "Interrupted", error);
}

}  // namespace

std::string hex(std::uint64_t value) {
    char text[24];
    std::snprintf(text, sizeof text, "%#llx", static_cast<unsigned long long>(value));
    return text;
}

Progress to_progress(py::object callable) {
    // The callable is let go of with the GIL, whichever thread drops the last Progress.
    std::shared_ptr<py::object> shared(new py::object(std::move(callable)), [](py::object* object) {
        const py::gil_scoped_acquire gil;
        delete object;
    });
    return [shared](const std::string& what, std::uint64_t done, std::uint64_t of) {
        const py::gil_scoped_acquire gil;
        if (PyErr_CheckSignals() != 0) {
            PyErr_Clear();
            throw Interrupted("interrupted while " + what);
        }
        if (shared->is_none()) return;
        (*shared)(what, done, of);
    };
}

std::function<bool()> ctrl_c() {
    return [asked = std::chrono::steady_clock::now()]() mutable {
        const auto now = std::chrono::steady_clock::now();
        if (now - asked < std::chrono::milliseconds(100)) return false;
        asked = now;
        const py::gil_scoped_acquire gil;
        if (PyErr_CheckSignals() == 0) return false;
        PyErr_Clear();
        return true;
    };
}

}  // namespace pyk

PYBIND11_MODULE(_accel, m) {
    m.doc() = "The accelerator: everything that touches a dump, in C++.";
    pyk::bind_errors(m);
    pyk::bind_dump(m);
    pyk::bind_interrupt(m);
    pyk::bind_layout(m);
    pyk::bind_walk(m);
    pyk::bind_bulk(m);
    pyk::bind_objects(m);
    pyk::bind_orc(m);
    pyk::bind_symbols(m);
    pyk::bind_target(m);
}
