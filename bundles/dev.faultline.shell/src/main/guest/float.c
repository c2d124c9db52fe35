// SPDX-License-Identifier: Apache-2.0
// The only code of the guest that uses SSE2 and x87. Interrupts do not touch those registers.
#include "float.h"

void harmonic_sum(u64 n, struct harmonic *result) {
    double sum = 0;
    long double wide = 0;
    for (u64 i = 1; i <= n; i++) {
        sum += 1.0 / (double)(long)i;
    }
    for (u64 i = 1; i <= n; i++) {
        wide += 1.0L / (long double)(long)i;
    }
    union {
        double value;
        u64 bits;
    } narrow = {.value = sum};
    union {
        long double value;
        struct {
            u64 significand;
            u16 exponent;
        } bits;
    } extended = {.value = wide};
    result->sse2 = narrow.bits;
    result->x87_significand = extended.bits.significand;
    result->x87_exponent = extended.bits.exponent;
}
