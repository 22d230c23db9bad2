// SPDX-License-Identifier: GPL-2.0-or-later
// A listening Unix socket that only this process may connect to.
#pragma once

#include <string>

#include "dump/unique_fd.h"

namespace pyk {

class PrivateSocket {
 public:
    // Makes a folder of mode 0700 below `directory` and the socket in it. Throws Error.
    explicit PrivateSocket(const std::string& directory);
    ~PrivateSocket();  // removes both
    PrivateSocket(const PrivateSocket&) = delete;
    PrivateSocket& operator=(const PrivateSocket&) = delete;

    const std::string& path() const { return path_; }
    int fd() const { return listener_.get(); }

    // A connection that waits, if it is of this process; no file otherwise. Never blocks.
    UniqueFd accept() const;

 private:
    std::string folder_, path_;
    UniqueFd listener_;
};

}  // namespace pyk
