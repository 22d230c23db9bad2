// SPDX-License-Identifier: GPL-2.0-or-later
#include "target/private_socket.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>

#include "base/error.h"

namespace pyk {
namespace {

constexpr char kFolder[] = "/pykdump-XXXXXX";
constexpr char kName[] = "/gdb";
constexpr std::size_t kMaxPath = sizeof(sockaddr_un::sun_path) - 1;

std::string reason() {
    return std::generic_category().message(errno);
}

void check_length(const std::string& directory) {
    const std::size_t length = directory.size() + std::strlen(kFolder) + std::strlen(kName);
    if (length <= kMaxPath) return;
    throw Error("cannot make a socket in " + directory + ": its path would have " +
                std::to_string(length) + " bytes, " + std::to_string(kMaxPath) +
                " is the most; use a shorter directory");
}

UniqueFd listen_at(const std::string& path) {
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) throw Error("cannot make a socket: " + reason());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, kMaxPath);
    const auto* any = reinterpret_cast<const sockaddr*>(&address);
    constexpr int kBacklog = 8;
    if (::bind(fd.get(), any, sizeof address) != 0 || ::listen(fd.get(), kBacklog) != 0) {
        throw Error("cannot listen on the socket " + path + ": " + reason());
    }
    return fd;
}

void remove(const std::string& path, const std::string& folder) {
    ::unlink(path.c_str());
    ::rmdir(folder.c_str());
}

bool is_own_process(int fd) {
    ucred peer{};
    socklen_t size = sizeof peer;
    return ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
           peer.uid == ::geteuid() && peer.pid == ::getpid();
}

}  // namespace

PrivateSocket::PrivateSocket(const std::string& directory) {
    check_length(directory);
    std::string folder = directory + kFolder;
    if (::mkdtemp(folder.data()) == nullptr) {
        throw Error("cannot make a private folder in " + directory + ": " + reason() +
                    "; use another directory");
    }
    folder_ = folder;
    path_ = folder_ + kName;
    try {
        listener_ = listen_at(path_);
    } catch (...) {
        remove(path_, folder_);
        throw;
    }
}

PrivateSocket::~PrivateSocket() {
    remove(path_, folder_);
}

UniqueFd PrivateSocket::accept() const {
    UniqueFd peer(::accept4(fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (peer && !is_own_process(peer.get())) return UniqueFd();
    return peer;
}

}  // namespace pyk
