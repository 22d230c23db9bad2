// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/error.h"
#include "bindings/convert.h"
#include "target/server.h"

namespace pyk {
namespace {

using namespace pybind11::literals;

// The note is decoded when the thread is added to a server: its dump knows the processor.
struct PyThread {
    Thread thread;
    std::string prstatus;
};

PyThread make_thread(int tid, int cpu, const std::string& name, std::string extra,
                     std::uint64_t thread_sp, const py::bytes& prstatus, std::uint64_t pgd) {
    PyThread made;
    made.thread.tid = tid;
    made.thread.cpu = cpu;
    made.thread.name = name;
    made.thread.extra = std::move(extra);
    made.thread.thread_sp = {thread_sp};
    made.thread.pgd = {pgd};
    made.prstatus = prstatus;
    return made;
}

// Keeps the dump for as long as the server reads it.
class PyTargetServer {
 public:
    explicit PyTargetServer(DumpPtr dump)
        : dump_(std::move(dump)),
          arch_(dump_->arch()),
          server_(dump_->new_reader(), arch_, threads_) {}

    std::size_t add_threads(const std::vector<PyThread>& added) {
        std::vector<Thread> threads;
        threads.reserve(added.size());
        for (const PyThread& source : added) {
            Thread& thread = threads.emplace_back(source.thread);
            if (!source.prstatus.empty()) {
                thread.registers = arch_.registers_of_note(as_bytes(source.prstatus));
            }
        }
        return threads_->add(std::move(threads));
    }

    bool has_thread(int tid) const { return threads_->contains(tid); }
    std::size_t thread_count() const { return threads_->size(); }
    void select(int tid) { threads_->set_selected(tid); }
    std::string start(const std::string& directory) { return server_.start(directory); }
    void stop() { server_.stop(); }
    bool connected() const { return server_.connected(); }

    std::map<std::string, std::uint64_t> stats() const {
        const TargetServer::Stats stats = server_.stats();
        return {{"packets", stats.packets},
                {"memory_packets", stats.memory_packets},
                {"bytes_read", stats.bytes_read},
                {"failed_reads", stats.failed_reads}};
    }

 private:
    DumpPtr dump_;
    const Architecture& arch_;
    std::shared_ptr<ThreadTable> threads_ = std::make_shared<ThreadTable>();
    TargetServer server_;
};

struct DeleteWithoutGil {
    void operator()(PyTargetServer* server) const {
        const py::gil_scoped_release no_gil;
        delete server;
    }
};

std::map<std::string_view, std::uint64_t> registers_of_note(const std::string& arch_name,
                                                            const py::bytes& prstatus) {
    const Architecture* arch = find_architecture(arch_name);
    if (arch == nullptr) throw Error("the processor " + arch_name + " is unknown to this build");
    const auto regs = arch->registers_of_note(from_bytes(prstatus));
    std::map<std::string_view, std::uint64_t> by_name;
    for (std::size_t i = 0; regs && i < arch->registers().size(); ++i) {
        if (regs->values[i]) by_name[arch->registers()[i].name] = *regs->values[i];
    }
    return by_name;
}

}  // namespace

void bind_target(py::module_& m) {
    m.attr("IDLE_TID") = kIdleTid;
    m.def("registers_of_note", &registers_of_note, "arch"_a, "prstatus"_a);
    py::class_<PyThread>(m, "Thread", "A task as GDB shall see it.")
        .def(py::init(&make_thread), "tid"_a, "cpu"_a, "name"_a, "extra"_a, py::kw_only(),
             "thread_sp"_a = 0, "prstatus"_a = py::bytes(), "pgd"_a = 0);
    const py::call_guard<py::gil_scoped_release> no_gil;
    py::class_<PyTargetServer, std::unique_ptr<PyTargetServer, DeleteWithoutGil>>(
        m, "TargetServer", "The server that `target remote` connects to; see accel/target.")
        .def(py::init<DumpPtr>(), "dump"_a.none(false))
        .def("add_threads", &PyTargetServer::add_threads, "threads"_a)
        .def("has_thread", &PyTargetServer::has_thread, "tid"_a)
        .def("thread_count", &PyTargetServer::thread_count)
        .def("select", &PyTargetServer::select, "tid"_a)
        .def("start", &PyTargetServer::start, "directory"_a, no_gil)
        .def("stop", &PyTargetServer::stop, no_gil)
        .def("connected", &PyTargetServer::connected)
        .def("stats", &PyTargetServer::stats);
}

}  // namespace pyk
