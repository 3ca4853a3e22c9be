/* SPDX-License-Identifier: MIT */
/* base/helper.h: the program started again as a worker, for calls of libraries that may crash, so that a crash is one failed call.
 *
 * A worker is this very executable (/proc/self/exe) under another argv[0]. A constructor of the module that wants workers calls
 * helper_serve_if, which in a worker answers requests and never returns, and elsewhere does nothing; so any program that links the
 * module, tests too, is its own worker. Started by posix_spawn: no memory of a large trainer is copied or shared, no lock inherited.
 * A worker gets 64 MB of data, ends when the other side of its socket does, and is replaced after HELPER_REQUESTS requests, so
 * that what a request may use does not depend on those before it. */
#ifndef R1_BASE_HELPER_H
#define R1_BASE_HELPER_H

#include "base/error.h"

#include <stddef.h>

enum { HELPER_MAX_BYTES = 1 << 15, HELPER_REQUESTS = 4096 };

/* Answers one request: fills reply (HELPER_MAX_BYTES of room) and returns its length, at least 1. */
typedef size_t (*HelperWork)(const void *request, size_t length, void *reply);

/* In a constructor: void f(int argc, char **argv, char **environment). */
void helper_serve_if(int argc, char **argv, const char *name, HelperWork work);

/* Asks an idle worker of that name, starting one if there is none. Threads may call at once; each gets a worker of its own.
 * false: a worker died over this request (twice: the first may have been killed from outside), or none can be started. */
bool helper_call(const char *name, const void *request, size_t n_request, void *reply, size_t n_reply) R1_MUST_CHECK;

#endif
