// SPDX-License-Identifier: GPL-2.0-or-later
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <stdexcept>
#include <thread>

#include "base/error.h"
#include "dump/unique_fd.h"
#include "fake_memory.h"
#include "target/packet.h"
#include "target/server.h"

namespace pyk {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr std::uint64_t kText = 0xffffffff81000000;

bool eventually(const std::function<bool()>& condition) {
    for (int i = 0; i < 1000; ++i) {
        if (condition()) return true;
        std::this_thread::sleep_for(5ms);
    }
    return false;
}

// GDB's side of the socket.
class Client {
 public:
    // Allocates nothing, so that a forked child may call it too.
    static int connect_to(const char* path) {
        const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, path, sizeof address.sun_path - 1);
        const auto* any = reinterpret_cast<const sockaddr*>(&address);
        if (::connect(fd, any, sizeof address) == 0) return fd;
        ::close(fd);
        return -1;
    }

    explicit Client(const std::string& path) : fd_(connect_to(path.c_str())) {
        EXPECT_TRUE(fd_) << path;
    }

    void send(std::string_view bytes) {
        while (!bytes.empty()) {
            const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0) return;
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
    }

    // All that arrives up to and with `end`; what came so far after a hang-up or 10 seconds.
    std::string receive_to(std::string_view end) {
        while (received_.find(end) == received_.npos) {
            pollfd polled{fd_.get(), POLLIN, 0};
            char bytes[65536];
            if (::poll(&polled, 1, 10'000) != 1) break;
            const ssize_t count = ::recv(fd_.get(), bytes, sizeof bytes, 0);
            if (count <= 0) break;
            received_.append(bytes, static_cast<std::size_t>(count));
        }
        const std::size_t at = received_.find(end);
        const std::size_t size = at == received_.npos ? received_.size() : at + end.size();
        std::string result = received_.substr(0, size);
        received_.erase(0, size);
        return result;
    }

    bool answers(std::string_view payload, std::string_view reply) {
        send(frame(payload));
        const std::string wire = frame(reply);
        return receive_to(wire).ends_with(wire);
    }

    bool hung_up() { return receive_to("nothing of the kind").empty(); }
    void hang_up() { fd_ = UniqueFd(); }

 private:
    UniqueFd fd_;
    std::string received_;
};

class ServerTest : public testing::Test {
 protected:
    ServerTest() : ServerTest(planted_memory()) {}

    explicit ServerTest(std::unique_ptr<MemoryReader> memory)
        : server(std::move(memory), x86_64(), threads) {
        std::string name = (fs::temp_directory_path() / "pykXXXXXX").string();
        directory = ::mkdtemp(name.data());
        Thread thread;
        thread.tid = 0x16;
        threads->add({thread});
    }

    ~ServerTest() override {
        server.stop();
        EXPECT_TRUE(fs::is_empty(directory));
        fs::remove_all(directory);
    }

    static std::unique_ptr<MemoryReader> planted_memory() {
        auto memory = std::make_unique<FakeMemory>();
        memory->plant(kText, std::string(kPacketSize, 'A'));
        return memory;
    }

    std::string start() { return server.start(directory.string()); }

    fs::path directory;
    std::shared_ptr<ThreadTable> threads = std::make_shared<ThreadTable>();
    TargetServer server;
};

TEST_F(ServerTest, HandshakeWithAcknowledgementsAndThenWithout) {
    Client gdb(start());
    gdb.send("+" + frame("qC"));
    EXPECT_EQ(gdb.receive_to(frame("QC16")), "+" + frame("QC16"));
    gdb.send("+" + frame("QStartNoAckMode"));
    EXPECT_EQ(gdb.receive_to(frame("OK")), "+" + frame("OK"));
    gdb.send("+" + frame("?"));
    EXPECT_EQ(gdb.receive_to(frame("T00thread:16;")), frame("T00thread:16;"));
    EXPECT_TRUE(server.connected());
    EXPECT_EQ(server.stats().packets, 3u);
}

TEST_F(ServerTest, PacketsInPiecesAndSeveralInOnePiece) {
    Client gdb(start());
    for (const char byte : frame("qC")) {
        gdb.send({&byte, 1});
        std::this_thread::sleep_for(1ms);
    }
    EXPECT_EQ(gdb.receive_to(frame("QC16")), "+" + frame("QC16"));
    gdb.send(frame("qC") + frame("qAttached") + "\x03" + frame("vMustReplyEmpty"));
    EXPECT_EQ(gdb.receive_to(frame("")), "+" + frame("QC16") + "+" + frame("1") + "+" + frame(""));
}

TEST_F(ServerTest, DamagedPacketIsAskedForAgainAndAReplyIsRepeated) {
    Client gdb(start());
    gdb.send("$qC#00");
    EXPECT_EQ(gdb.receive_to("-"), "-");
    gdb.send(frame("qC"));
    gdb.receive_to(frame("QC16"));
    gdb.send("-");
    EXPECT_EQ(gdb.receive_to(frame("QC16")), frame("QC16"));
    EXPECT_TRUE(gdb.answers("QStartNoAckMode", "OK"));
    gdb.send("$qC#00");
    EXPECT_EQ(gdb.receive_to(frame("E01")), frame("E01"));
}

TEST_F(ServerTest, OverlongPacketIsRefusedAndTheNextAnswered) {
    Client gdb(start());
    const std::string mebibyte(1 << 20, 'X');
    gdb.send("$");
    for (int i = 0; i < 8; ++i) gdb.send(mebibyte);
    gdb.send("#01");
    EXPECT_EQ(gdb.receive_to("-"), "-");
    EXPECT_TRUE(gdb.answers(mebibyte, "E01"));
    EXPECT_TRUE(gdb.answers("qC", "QC16"));
}

TEST_F(ServerTest, RandomBytesLeaveItAnswering) {
    Client gdb(start());
    EXPECT_TRUE(gdb.answers("QStartNoAckMode", "OK"));
    for (unsigned seed = 0; seed < 20; ++seed) {
        std::mt19937 random(seed);
        std::string noise;
        for (int i = 0; i < 3000; ++i) noise += static_cast<char>(random());
        // Some of it in packets with good checksums, so that it comes through to the requests.
        for (int i = 0; i < 100; ++i) noise += frame(noise.substr(random() % 2900, random() % 40));
        gdb.send(noise + "$#00");
        EXPECT_TRUE(gdb.answers("Hg0", "OK"));
        EXPECT_TRUE(gdb.answers("qC", "QC16")) << "seed " << seed;
    }
}

TEST_F(ServerTest, LargeReadsArriveWhole) {
    Client gdb(start());
    std::string digits;
    for (std::size_t i = 0; i < kPacketSize / 2; ++i) digits += "41";
    EXPECT_TRUE(gdb.answers("mffffffff81000000,10000", digits));
    EXPECT_TRUE(gdb.answers("xffffffff81000000,10000", "b" + std::string(0x10000, 'A')));
    EXPECT_EQ(server.stats().bytes_read, 2 * 0x10000u);
}

TEST_F(ServerTest, HangUpInTheMiddleOfAPacketEndsTheSession) {
    Client gdb(start());
    EXPECT_TRUE(gdb.answers("qC", "QC16"));
    gdb.send("$mffff");
    gdb.hang_up();
    EXPECT_TRUE(eventually([this] { return !server.connected(); }));
}

TEST_F(ServerTest, HangUpBeforeTheReplyIsReadEndsTheSession) {
    Client gdb(start());
    for (int i = 0; i < 50; ++i) gdb.send(frame("mffffffff81000000,10000"));
    gdb.hang_up();
    EXPECT_TRUE(eventually([this] { return !server.connected(); }));
}

TEST_F(ServerTest, SocketIsPrivateAndGoneOnceConnected) {
    const std::string path = start();
    struct stat folder {};
    ASSERT_EQ(::stat(fs::path(path).parent_path().c_str(), &folder), 0);
    EXPECT_EQ(folder.st_mode & 0777, 0700u);
    EXPECT_TRUE(fs::is_socket(path));
    Client gdb(path);
    EXPECT_TRUE(gdb.answers("qC", "QC16"));
    EXPECT_TRUE(fs::is_empty(directory));
    EXPECT_LT(Client::connect_to(path.c_str()), 0);
}

// What a child of this process, as `user`, gets from the socket: 'c' cannot connect, 'r' refused,
// 'a' let in.
char try_as_other_process(const std::string& path, uid_t user) {
    const char* const name = path.c_str();
    const pid_t child = ::fork();
    if (child == 0) {
        if (user != ::getuid() && ::setuid(user) != 0) ::_exit('u');
        const int fd = Client::connect_to(name);
        if (fd < 0) ::_exit('c');
        char byte;
        // The packet may come too late to be sent; the answer is what counts.
        ::send(fd, "$qC#b4", 6, MSG_NOSIGNAL);
        ::_exit(::recv(fd, &byte, 1, 0) == 1 ? 'a' : 'r');
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return static_cast<char>(WEXITSTATUS(status));
}

TEST_F(ServerTest, OtherProcessIsRefusedAndTheRightOneStillServed) {
    const std::string path = start();
    EXPECT_EQ(try_as_other_process(path, ::getuid()), 'r');
    EXPECT_EQ(try_as_other_process(path, ::getuid()), 'r');
    EXPECT_FALSE(server.connected());
    Client gdb(path);
    EXPECT_TRUE(gdb.answers("qC", "QC16"));
}

TEST_F(ServerTest, OtherUserIsRefusedEvenWhereTheFolderLetsItIn) {
    if (::getuid() != 0) GTEST_SKIP() << "only root can become another user";
    const std::string path = start();
    constexpr uid_t kNobody = 65534;
    EXPECT_EQ(try_as_other_process(path, kNobody), 'c');
    fs::permissions(directory, fs::perms::all);
    fs::permissions(fs::path(path).parent_path(), fs::perms::all);
    fs::permissions(path, fs::perms::all);
    EXPECT_EQ(try_as_other_process(path, kNobody), 'r');
    Client gdb(path);
    EXPECT_TRUE(gdb.answers("qC", "QC16"));
}

TEST_F(ServerTest, StopWhileNobodyHasConnectedRemovesTheSocket) {
    start();
    server.stop();
    EXPECT_TRUE(fs::is_empty(directory));
    server.stop();
    EXPECT_FALSE(server.connected());
}

TEST_F(ServerTest, StopWhileServingHangsUp) {
    Client gdb(start());
    EXPECT_TRUE(gdb.answers("qC", "QC16"));
    server.stop();
    EXPECT_FALSE(server.connected());
    EXPECT_TRUE(gdb.hung_up());
    server.stop();
}

TEST_F(ServerTest, StopWhileThePeerDoesNotReadItsReplies) {
    Client gdb(start());
    for (int i = 0; i < 50; ++i) gdb.send(frame("mffffffff81000000,10000"));
    EXPECT_TRUE(eventually([this] { return server.stats().memory_packets >= 1; }));
    server.stop();
    EXPECT_FALSE(server.connected());
}

TEST_F(ServerTest, StopBeforeStartDoesNothing) {
    server.stop();
}

TEST_F(ServerTest, StartsAgainWhenThePeerHasLeftButNotWhileItIsThere) {
    Client first(start());
    EXPECT_TRUE(first.answers("QStartNoAckMode", "OK"));
    EXPECT_THROW(start(), Error);
    first.hang_up();
    EXPECT_TRUE(eventually([this] { return !server.connected(); }));
    std::string path;
    EXPECT_TRUE(eventually([&] {
        try {
            path = start();
            return true;
        } catch (const Error&) {  // the thread is about to end
            return false;
        }
    }));
    Client second(path);
    second.send(frame("qC"));
    EXPECT_EQ(second.receive_to(frame("QC16")), "+" + frame("QC16"));
}

TEST_F(ServerTest, DirectoryThatCannotHoldTheSocketIsNamed) {
    const auto error_of = [this](const std::string& where) -> std::string {
        try {
            server.start(where);
        } catch (const Error& error) {
            return error.what();
        }
        return "started";
    };
    EXPECT_THAT(error_of(directory / "missing"), HasSubstr("missing: No such file or directory"));
    const fs::path longest = directory / std::string(88 - directory.string().size() - 1, 'd');
    fs::create_directory(longest);
    EXPECT_EQ(error_of(longest), "started");
    server.stop();
    EXPECT_THAT(error_of(longest.string() + "d"),
                HasSubstr("would have 108 bytes, 107 is the most"));
    fs::remove(longest);
}

// The value of a field of /proc/self/task/TID/status, for the server's thread.
std::string thread_status(const std::string& field) {
    for (const auto& task : fs::directory_iterator("/proc/self/task")) {
        std::ifstream comm(task.path() / "comm"), status(task.path() / "status");
        std::string line;
        std::getline(comm, line);
        if (line != "pykdump-target") continue;
        while (std::getline(status, line)) {
            if (line.starts_with(field)) return line.substr(field.size());
        }
    }
    return "";
}

TEST_F(ServerTest, ThreadTakesNoSignals) {
    Client gdb(start());
    EXPECT_TRUE(gdb.answers("qC", "QC16"));
    // All but SIGKILL, SIGSTOP and the two that glibc keeps for itself.
    EXPECT_EQ(std::stoull(thread_status("SigBlk:"), nullptr, 16) | 0x180040100, 0xffffffffffffffff);
    sigset_t mine;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &mine);
    EXPECT_FALSE(::sigismember(&mine, SIGINT));
}

TEST_F(ServerTest, NoFileIsInheritedByWhatGdbStarts) {
    Client gdb(start());
    EXPECT_TRUE(gdb.answers("qC", "QC16"));
    for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
        std::error_code gone;  // the directory's own
        const std::string what = fs::read_symlink(entry, gone).string();
        if (!what.starts_with("socket:") && what.find("eventfd") == what.npos) continue;
        const int fd = std::stoi(entry.path().filename());
        EXPECT_TRUE(::fcntl(fd, F_GETFD) & FD_CLOEXEC) << what;
    }
}

struct ThrowingMemory : FakeMemory {
    std::size_t read_prefix(KernelAddr, std::span<std::byte>) const override {
        throw std::runtime_error("a bug");
    }
};

class ThrowingServerTest : public ServerTest {
 protected:
    ThrowingServerTest() : ServerTest(std::make_unique<ThrowingMemory>()) {}
};

TEST_F(ThrowingServerTest, ExceptionBecomesAnErrorAndTheSessionGoesOn) {
    Client gdb(start());
    EXPECT_TRUE(gdb.answers("mffffffff81000000,4", "E01"));
    EXPECT_TRUE(gdb.answers("qC", "QC16"));
}

}  // namespace
}  // namespace pyk
