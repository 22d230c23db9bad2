// SPDX-License-Identifier: GPL-2.0-or-later
// Ctrl-C in scripts. In C++, as no line of Python may run between asking for the next interrupt and
// raising this one: it would be what is interrupted.
#include "bindings/convert.h"

namespace pyk {
namespace {

class InterruptHandler {
 public:
    explicit InterruptHandler(py::object code) : code_(std::move(code)) {}

    bool insists = false;

    // As signal.signal() calls it.
    void operator()(int /*number*/, const py::object& frame) const {
        if (!is_running(frame)) return;
        if (insists) PyErr_SetInterrupt();
        PyErr_SetNone(PyExc_KeyboardInterrupt);
        throw py::error_already_set();
    }

 private:
    [[nodiscard]] bool is_running(py::object frame) const {
        for (; !frame.is_none(); frame = frame.attr("f_back")) {
            if (py::object(frame.attr("f_code")).is(code_)) return true;
        }
        return false;
    }

    py::object code_;
};

}  // namespace

void bind_interrupt(py::module_& m) {
    using namespace py::literals;
    m.def("drop_interrupt", [](const py::args&) {
        while (PyErr_CheckSignals() != 0) PyErr_Clear();
    });
    py::class_<InterruptHandler>(m, "InterruptHandler")
        .def(py::init<py::object>(), "code"_a)
        .def_readwrite("insists", &InterruptHandler::insists)
        .def("__call__", &InterruptHandler::operator(), "number"_a, "frame"_a);
}

}  // namespace pyk
