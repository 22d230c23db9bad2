// SPDX-License-Identifier: GPL-2.0-or-later
#include "target/connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <exception>
#include <utility>

namespace pyk {
namespace {

constexpr char kError[] = "E01";

bool is_passing(int error) {
    return error == EINTR || error == EAGAIN;
}

}  // namespace

bool wait_for(int fd, short events, int stop_fd) {
    std::array<pollfd, 2> polled{{{fd, events, 0}, {stop_fd, POLLIN, 0}}};
    while (::poll(polled.data(), polled.size(), -1) < 0) {
        if (!is_passing(errno)) return false;
    }
    return polled[1].revents == 0;
}

Connection::Connection(UniqueFd peer, int stop_fd, Session& session)
    : peer_(std::move(peer)), stop_fd_(stop_fd), session_(session) {}

void Connection::serve() {
    std::array<char, 4096> bytes;
    while (wait_for(peer_.get(), POLLIN, stop_fd_)) {
        const ssize_t count = ::recv(peer_.get(), bytes.data(), bytes.size(), 0);
        if (count < 0 && is_passing(errno)) continue;
        if (count <= 0) return;
        std::string_view input(bytes.data(), static_cast<std::size_t>(count));
        while (const auto item = reader_.next(input)) {
            if (!take(*item)) return;
        }
    }
}

bool Connection::take(const WireItem& item) {
    switch (item.kind) {
        case WireItem::Kind::kPacket:
            return reply_to(item.payload);
        case WireItem::Kind::kDamaged:
            return reply_to_damaged();
        case WireItem::Kind::kTooLong:
            return send_packet(kError);
        case WireItem::Kind::kNak:
            return session_.no_ack() || last_packet_.empty() || send(last_packet_);
        case WireItem::Kind::kInterrupt:  // nothing runs that could be interrupted
        case WireItem::Kind::kAck:
            break;
    }
    return true;
}

bool Connection::reply_to(const std::string& payload) {
    const bool acknowledge = !session_.no_ack();
    std::optional<std::string> reply;
    try {
        reply = session_.answer(payload);
    } catch (const std::exception&) {
        reply = kError;
    }
    last_packet_ = reply ? frame(*reply) : "";
    return send(acknowledge ? "+" + last_packet_ : last_packet_);
}

// Without acknowledgements GDB cannot be asked to repeat, and would wait for ever for a reply.
bool Connection::reply_to_damaged() {
    return session_.no_ack() ? send_packet(kError) : send("-");
}

bool Connection::send_packet(std::string_view payload) {
    last_packet_ = frame(payload);
    return send(session_.no_ack() ? last_packet_ : "+" + last_packet_);
}

bool Connection::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(peer_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent >= 0) {
            bytes.remove_prefix(static_cast<std::size_t>(sent));
            continue;
        }
        if (!is_passing(errno) || !wait_for(peer_.get(), POLLOUT, stop_fd_)) return false;
    }
    return true;
}

}  // namespace pyk
