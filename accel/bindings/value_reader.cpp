// SPDX-License-Identifier: GPL-2.0-or-later
#include "bindings/value_reader.h"

#include "base/error.h"
#include "bindings/object_memory.h"
#include "bindings/text_object.h"

namespace pyk {

ObjectMemory& ObjectMemory::get() {
    static ObjectMemory memory;
    return memory;
}

void ObjectMemory::use(const DumpPtr& dump) {
    reader_ = dump ? dump->new_reader() : nullptr;
    pgd_ = 0;
}

std::size_t ObjectMemory::read_prefix(std::uint64_t addr, std::span<std::byte> out) {
    if (!reader_) throw Error("no dump is open; open one with: pykdump open VMCORE");
    return is_user(addr) ? reader_->read_user_prefix({pgd_}, {addr}, out)
                         : reader_->read_prefix({addr}, out);
}

std::string ObjectMemory::why_unreadable(std::uint64_t addr) {
    return is_user(addr) ? reader_->why_user_unreadable({pgd_}, {addr})
                         : reader_->why_unreadable({addr});
}

namespace {

constexpr std::size_t kTextSize = 256;  // read behind a char pointer

std::string text_of(const ReadLabel& label) {
    if (label.type == nullptr) return "";
    const auto type = py::reinterpret_borrow<py::object>(label.type);
    return " (" + py::str(py::getattr(type, "PYT_symbol", py::str("?"))).cast<std::string>() + "." +
           py::str(py::handle(label.name)).cast<std::string>() + ")";
}

std::nullptr_t raise_null(const ReadLabel& label) {
    PyErr_SetString(PyExc_IndexError, ("NULL pointer: nothing lies at 0" + text_of(label)).c_str());
    return nullptr;
}

std::nullptr_t raise(const Error& error) {
    const char* name = dynamic_cast<const ReadError*>(&error) != nullptr ? "ReadError" : "Error";
    PyErr_SetString(py::module_::import("pykdump._accel").attr(name).ptr(), error.what());
    return nullptr;
}

void read_exactly(std::uint64_t addr, std::span<std::byte> out, const ReadLabel& label) {
    ObjectMemory& memory = ObjectMemory::get();
    const std::size_t got = memory.read_prefix(addr, out);
    if (got == out.size()) return;
    throw ReadError("cannot read " + std::to_string(out.size()) + " bytes at " + hex(addr) +
                    text_of(label) + ": " + memory.why_unreadable(addr + got));
}

PyObject* integer_of(const Bits& bits, ByteSpan raw) {
    const std::uint64_t value = extract(bits, raw);
    return bits.is_signed ? PyLong_FromLongLong(static_cast<std::int64_t>(value))
                          : PyLong_FromUnsignedLongLong(value);
}

PyObject* call(const py::object& callable, PyObject* argument) {  // takes the argument over
    if (argument == nullptr) return nullptr;
    PyObject* made = PyObject_CallFunctionObjArgs(callable.ptr(), argument, nullptr);
    Py_DECREF(argument);
    return made;
}

std::uint64_t read_address(std::uint64_t place, const ReadLabel& label) {
    std::byte raw[8];
    read_exactly(place, raw, label);
    return *load<std::uint64_t>(raw, 0);
}

}  // namespace

PyObject* make_struct(PyObject* type, std::uint64_t addr) {
    PyObject* number = PyLong_FromUnsignedLongLong(addr);
    if (number == nullptr) return nullptr;
    PyObject* args = PyTuple_New(1);
    if (args == nullptr) {
        Py_DECREF(number);
        return nullptr;
    }
    PyTuple_SET_ITEM(args, 0, number);
    // Not by calling the class: its constructor, for users, takes the name of a type.
    PyObject* made = PyLong_Type.tp_new(reinterpret_cast<PyTypeObject*>(type), args, nullptr);
    Py_DECREF(args);
    // Without attributes of its own it is in no cycle: the collector need not look at millions of
    // them. set_attribute() gives it back.
    if (made != nullptr && PyObject_GC_IsTracked(made) != 0) PyObject_GC_UnTrack(made);
    return made;
}

PyObject* ValueReader::from_bytes(ByteSpan raw) const {
    if (kind == Kind::kBool) return PyBool_FromLong(extract(bits, raw) != 0);
    PyObject* number = integer_of(bits, raw);
    return make.is_none() ? number : call(make, number);
}

PyObject* ValueReader::read_text(std::uint64_t addr, std::uint64_t place,
                                 const ReadLabel& label) const {
    std::byte place_for_most[kTextSize];
    std::vector<std::byte> place_for_long(count > kTextSize ? count : 0);
    std::span<std::byte> raw = place_for_long;
    if (count <= kTextSize) raw = std::span(place_for_most).first(count != 0 ? count : kTextSize);
    if (count != 0) {
        read_exactly(addr, raw, label);
    } else if (ObjectMemory::get().read_prefix(addr, raw) < raw.size()) {
        raw = raw.first(kTextSize - addr % kTextSize);
        read_exactly(addr, raw, label);
    }
    if (makes_text) return make_text(make.ptr(), raw, addr, place);
    const py::object pointer = place != 0 ? py::object(py::int_(place)) : py::none();
    return make(to_bytes(raw), addr, pointer).release().ptr();
}

PyObject* ValueReader::read_array(std::uint64_t addr, const ReadLabel& label) const {
    std::vector<std::byte> raw;
    if (element->is_integer()) {
        if (count != 0) raw.resize((count - 1) * stride + element->bits.size);
        read_exactly(addr, raw, label);
    }
    PyObject* list = PyList_New(static_cast<Py_ssize_t>(count));
    for (std::uint64_t i = 0; list != nullptr && i < count; ++i) {
        PyObject* value =
            element->is_integer()
                ? element->from_bytes(ByteSpan(raw).subspan(i * stride, element->bits.size))
                : element->read(addr + i * stride, label);
        if (value == nullptr) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, static_cast<Py_ssize_t>(i), value);
        }
    }
    return list;
}

PyObject* ValueReader::read(std::uint64_t addr, const ReadLabel& label) const try {
    if (kind == Kind::kInteger || kind == Kind::kBool) {
        std::byte raw[Bits::kMaxSize];
        const auto used = std::span<std::byte>(raw).first(bits.size);
        read_exactly(addr, used, label);
        return from_bytes(used);
    }
    if (kind == Kind::kStruct) return make_struct(make.ptr(), addr);
    if (kind == Kind::kPlace) return call(make, PyLong_FromUnsignedLongLong(addr));
    if (addr == 0) return raise_null(label);
    if (kind == Kind::kText) return read_text(addr, 0, label);
    if (kind == Kind::kArray) return read_array(addr, label);
    const std::uint64_t target = read_address(addr, label);
    if (kind == Kind::kStructPointer) return make_struct(make.ptr(), target);
    if (kind == Kind::kTextPointer) {
        if (target == 0) Py_RETURN_NONE;
        return read_text(target, addr, label);
    }
    PyObject* number = PyLong_FromUnsignedLongLong(target);
    return make.is_none() ? number : call(make, number);
} catch (py::error_already_set& raised) {
    raised.restore();
    return nullptr;
} catch (const Error& error) {
    return raise(error);
}

PyObject* MemberReader::read(std::uint64_t addr, const ReadLabel& label) const {
    try {
        for (const std::uint64_t hop : hops) {
            addr = addr + hop == 0 ? 0 : read_address(addr + hop, label);
            if (addr == 0) return raise_null(label);
        }
    } catch (const Error& error) {
        return raise(error);
    }
    return value->read(addr + offset, label);
}

}  // namespace pyk
