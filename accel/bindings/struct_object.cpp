// SPDX-License-Identifier: GPL-2.0-or-later
#include "bindings/struct_object.h"

#include <unordered_map>
#include <unordered_set>

namespace pyk {
namespace {

// A member of a class; both pointers identify, since names of attributes are interned.
struct Key {
    PyTypeObject* type;
    PyObject* name;

    bool operator==(const Key&) const = default;
};

struct KeyHash {
    std::size_t operator()(const Key& key) const {
        const auto type = reinterpret_cast<std::uintptr_t>(key.type);
        const auto name = reinterpret_cast<std::uintptr_t>(key.name);
        return (type >> 4) * 0x9e3779b97f4a7c15 ^ (name >> 4);
    }
};

struct Attribute {
    py::object type, name;  // keep what the key points at
    const MemberReader* member = nullptr;
    py::object resolved;           // the owner of `member`, or a callable, or None
    bool may_be_shadowed = false;  // some object of the class was given an attribute of this name
};

using Attributes = std::unordered_map<Key, Attribute, KeyHash>;

// These live as long as the process: Python may be gone when others are destroyed.
Attributes& attributes() {
    static auto* const table = new Attributes;
    return *table;
}

std::unordered_set<Key, KeyHash>& shadows() {
    static auto* const set = new std::unordered_set<Key, KeyHash>;
    return *set;
}

bool is_special(PyObject* name) {
    const auto text = py::handle(name).cast<std::string_view>();
    return text.size() > 4 && text.starts_with("__") && text.ends_with("__");
}

// The address of an object; of one whose int is negative or too wide, its lowest 64 bits.
std::uint64_t address_of(PyObject* self) {
    return PyLong_AsUnsignedLongLongMask(self);
}

// Throws error_already_set.
const Attribute& resolve(const Key& key) {
    Attribute found;
    found.type = py::reinterpret_borrow<py::object>(reinterpret_cast<PyObject*>(key.type));
    found.name = py::reinterpret_borrow<py::object>(key.name);
    found.resolved = is_special(key.name) ? py::none() : found.type.attr("_resolve")(found.name);
    if (py::isinstance<MemberReader>(found.resolved)) {
        found.member = found.resolved.cast<const MemberReader*>();
    }
    found.may_be_shadowed = shadows().contains(key);
    return attributes().insert_or_assign(key, std::move(found)).first->second;
}

PyObject* ordinary(const Attribute& attribute, PyObject* self, PyObject* name) {
    PyObject* value = PyObject_GenericGetAttr(self, name);
    if (value != nullptr || is_special(name) || !PyErr_ExceptionMatches(PyExc_AttributeError)) {
        return value;
    }
    PyErr_Clear();
    const py::object error = attribute.type.attr("_unknown")(attribute.name);
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(error.ptr())), error.ptr());
    return nullptr;
}

// What was assigned to this object under this name; a new reference or null, without an exception.
PyObject* find_shadow(PyObject* self, PyObject* name) {
    PyObject* dict = PyObject_GenericGetDict(self, nullptr);
    if (dict == nullptr) {
        PyErr_Clear();
        return nullptr;
    }
    PyObject* value = PyDict_GetItem(dict, name);
    Py_XINCREF(value);
    Py_DECREF(dict);
    return value;
}

PyObject* get_attribute(PyObject* self, PyObject* name) try {
    if (!PyUnicode_CHECK_INTERNED(name)) {  // getattr(o, some + text)
        Py_INCREF(name);
        PyUnicode_InternInPlace(&name);
        const auto interned = py::reinterpret_steal<py::object>(name);
        if (!PyUnicode_CHECK_INTERNED(name)) return PyObject_GenericGetAttr(self, name);
        return get_attribute(self, name);
    }
    const Key key{Py_TYPE(self), name};
    const auto known = attributes().find(key);
    const Attribute& attribute = known != attributes().end() ? known->second : resolve(key);
    if (attribute.may_be_shadowed) {
        if (PyObject* value = find_shadow(self, name)) return value;
    }
    if (attribute.resolved.is_none()) return ordinary(attribute, self, name);
    const py::object resolved = attribute.resolved;  // what runs now may make us forget it
    if (attribute.member == nullptr) {
        return PyObject_CallFunctionObjArgs(resolved.ptr(), self, nullptr);
    }
    PyObject* const type = reinterpret_cast<PyObject*>(key.type);
    return attribute.member->read(address_of(self), {type, name});
} catch (py::error_already_set& raised) {
    raised.restore();
    return nullptr;
}

int set_attribute(PyObject* self, PyObject* name, PyObject* value) {
    PyObject* interned = name;
    Py_INCREF(interned);
    PyUnicode_InternInPlace(&interned);
    const Key key{Py_TYPE(self), interned};
    if (shadows().insert(key).second) {  // the references that it takes are never given back
        Py_INCREF(key.type);
        Py_INCREF(interned);
        const auto known = attributes().find(key);
        if (known != attributes().end()) known->second.may_be_shadowed = true;
    }
    if (PyObject_IS_GC(self) != 0 && PyObject_GC_IsTracked(self) == 0) PyObject_GC_Track(self);
    const int done = PyObject_GenericSetAttr(self, interned, value);
    Py_DECREF(interned);
    return done;
}

}  // namespace

PyObject* struct_object_type() {
    static PyObject* const type = [] {
        static PyType_Slot slots[] = {
            {Py_tp_getattro, reinterpret_cast<void*>(&get_attribute)},
            {Py_tp_setattro, reinterpret_cast<void*>(&set_attribute)},
            {Py_tp_doc, const_cast<char*>("An int, the address of a struct, with its members.")},
            {0, nullptr},
        };
        static PyType_Spec spec = {"pykdump._accel.StructObject", 0, 0,
                                   Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
        spec.basicsize = static_cast<int>(PyLong_Type.tp_basicsize);
        spec.itemsize = static_cast<int>(PyLong_Type.tp_itemsize);
        PyObject* bases = PyTuple_Pack(1, reinterpret_cast<PyObject*>(&PyLong_Type));
        PyObject* made = PyType_FromSpecWithBases(&spec, bases);
        Py_XDECREF(bases);
        if (made == nullptr) throw py::error_already_set();
        return made;
    }();
    return type;
}

void forget_members() {
    const Attributes gone = std::exchange(attributes(), {});  // their destructors may run Python
}

}  // namespace pyk
