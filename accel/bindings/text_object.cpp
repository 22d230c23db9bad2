// SPDX-License-Identifier: GPL-2.0-or-later
#include "bindings/text_object.h"

#include <structmember.h>

#include <cstring>

namespace pyk {
namespace {

struct TextObject {
    PyUnicodeObject text;
    PyObject* bytes;  // all that was read
    PyObject* addr;   // where it lies
    PyObject* place;  // where the pointer to it lies, or None
};

// NOLINTBEGIN(cppcoreguidelines-pro-type-reinterpret-cast): how C sees Python's objects
TextObject* as_text(PyObject* self) {
    return reinterpret_cast<TextObject*>(self);
}

void deallocate(PyObject* self) {
    PyTypeObject* const type = Py_TYPE(self);
    Py_CLEAR(as_text(self)->bytes);
    Py_CLEAR(as_text(self)->addr);
    Py_CLEAR(as_text(self)->place);
    PyUnicode_Type.tp_dealloc(self);
    Py_DECREF(type);
}
// NOLINTEND(cppcoreguidelines-pro-type-reinterpret-cast)

py::object owned(PyObject* made) {
    if (made == nullptr) throw py::error_already_set();
    return py::reinterpret_steal<py::object>(made);
}

py::object decoded(ByteSpan raw) {
    const auto* const chars = reinterpret_cast<const char*>(raw.data());
    const auto size = static_cast<Py_ssize_t>(strnlen(chars, raw.size()));
    return owned(PyUnicode_DecodeASCII(chars, size, "backslashreplace"));
}

}  // namespace

PyObject* text_object_type() {
    static PyObject* const type = [] {
        static PyMemberDef members[] = {
            {"ByteArray", T_OBJECT, offsetof(TextObject, bytes), 0, "All bytes that were read."},
            {"addr", T_OBJECT, offsetof(TextObject, addr), 0, "Where the text lies."},
            {"ptr", T_OBJECT, offsetof(TextObject, place), 0,
             "Where the pointer to it lies; None for arrays."},
            {nullptr, 0, 0, 0, nullptr},
        };
        static PyType_Slot slots[] = {
            {Py_tp_dealloc, reinterpret_cast<void*>(&deallocate)},
            {Py_tp_members, members},
            {Py_tp_doc, const_cast<char*>("Text from memory, with its bytes and its address.")},
            {0, nullptr},
        };
        static PyType_Spec spec = {"pykdump._accel.TextObject", sizeof(TextObject), 0,
                                   Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
        const py::tuple bases =
            py::make_tuple(py::handle(reinterpret_cast<PyObject*>(&PyUnicode_Type)));
        return owned(PyType_FromSpecWithBases(&spec, bases.ptr())).release().ptr();
    }();
    return type;
}

bool is_text_class(const py::object& type) {
    return PyType_Check(type.ptr()) != 0 &&
           PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(type.ptr()),
                            reinterpret_cast<PyTypeObject*>(text_object_type())) != 0;
}

PyObject* make_text(PyObject* type, ByteSpan raw, std::uint64_t addr, std::uint64_t place) try {
    const py::tuple args = py::make_tuple(decoded(raw));
    // Not by calling the class: its constructor, for users, takes bytes.
    py::object made =
        owned(PyUnicode_Type.tp_new(reinterpret_cast<PyTypeObject*>(type), args.ptr(), nullptr));
    TextObject* const text = as_text(made.ptr());
    text->bytes = to_bytes(raw).release().ptr();
    text->addr = owned(PyLong_FromUnsignedLongLong(addr)).release().ptr();
    text->place = place == 0 ? py::none().release().ptr()
                             : owned(PyLong_FromUnsignedLongLong(place)).release().ptr();
    // It is in no cycle, unless its class gives it attributes.
    if (PyObject_GC_IsTracked(made.ptr()) != 0) PyObject_GC_UnTrack(made.ptr());
    return made.release().ptr();
} catch (py::error_already_set& raised) {
    raised.restore();
    return nullptr;
}

}  // namespace pyk
