// SPDX-License-Identifier: GPL-2.0-or-later
// What C++ throws when it cannot go on. Expected damage is a value, never an exception.
#pragma once

#include <stdexcept>
#include <string>

namespace pyk {

// The text says what is wrong, where, and what to do, in that order. pykdump.errors mirrors the
// types.
class Error : public std::runtime_error {
 public:
    using std::runtime_error::runtime_error;
};

// A file that is no dump, or a dump that cannot be opened.
class OpenError : public Error {
 public:
    using Error::Error;
};

// What scripts of the classic API catch as `crash.error`.
class CrashError : public Error {
 public:
    using Error::Error;
};

// Memory that was asked for and is not there.
class ReadError : public CrashError {
 public:
    using CrashError::CrashError;
};

// The user pressed Ctrl-C in a long step.
class Interrupted : public Error {
 public:
    using Error::Error;
};

}  // namespace pyk
