// SPDX-License-Identifier: Apache-2.0
#ifndef FAULTLINE_GUEST_FLOAT_H
#define FAULTLINE_GUEST_FLOAT_H

#include "guest.h"

/** The sum of 1/i in two formats, as bits. */
struct harmonic {
    u64 sse2;          // binary64
    u64 x87_significand; // 80-bit extended: explicit integer bit and fraction
    u16 x87_exponent;  // sign and biased exponent
};

/** Adds 1/i for i from 1 to n, in that order, with SSE2 and again with the x87 FPU. */
void harmonic_sum(u64 n, struct harmonic *result);

#endif
