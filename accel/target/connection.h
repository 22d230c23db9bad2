// SPDX-License-Identifier: GPL-2.0-or-later
// Moves packets between a connected socket and a Session: acknowledgements, repeats, writes.
#pragma once

#include <string>
#include <string_view>

#include "dump/unique_fd.h"
#include "target/packet.h"
#include "target/session.h"

namespace pyk {

// Waits until `fd` can be read or written (`events` of poll()); false when `stop_fd` became
// readable.
bool wait_for(int fd, short events, int stop_fd);

class Connection {
 public:
    // `stop_fd` becomes readable when the connection is to end.
    Connection(UniqueFd peer, int stop_fd, Session& session);

    // Returns when the peer hangs up or is to be left.
    void serve();

 private:
    bool take(const WireItem& item);
    bool reply_to(const std::string& payload);
    bool reply_to_damaged();
    bool send_packet(std::string_view payload);
    bool send(std::string_view bytes);

    UniqueFd peer_;
    int stop_fd_;
    Session& session_;
    PacketReader reader_;
    std::string last_packet_;
};

}  // namespace pyk
