// SPDX-License-Identifier: Apache-2.0
// The loops of engines.c that use SSE registers: binary64 scalars, and vectors of integers.
#include "guest.h"

#define N 128

typedef u32 v4 __attribute__((vector_size(16)));

/** The product of two matrices of binary64, again and again. */
u64 matrix(u64 rounds, void *memory) {
    double(*a)[N] = memory;
    double(*b)[N] = a + N;
    double(*c)[N] = b + N;
    for (u32 i = 0; i < N; i++) {
        for (u32 j = 0; j < N; j++) {
            a[i][j] = 1.0 / (1 + i + j);
            b[i][j] = (double)((i * 7 + j * 3) % 11) - 5;
        }
    }
    for (u64 r = 0; r < rounds; r++) {
        for (u32 i = 0; i < N; i++) {
            for (u32 j = 0; j < N; j++) {
                double s = 0;
                for (u32 k = 0; k < N; k++) {
                    s += a[i][k] * b[k][j];
                }
                c[i][j] = s;
            }
        }
        a[r % N][r / N % N] += c[r % N][(r + 1) % N] * 0.001;
    }
    double total = 0;
    for (u32 i = 0; i < N; i++) {
        for (u32 j = 0; j < N; j++) {
            total += c[i][j];
        }
    }
    u64 bits;
    __builtin_memcpy(&bits, &total, sizeof bits);
    return bits;
}

/** Four xorshift32 generators in a vector, over 64 KiB. */
u64 packed(u64 rounds, void *memory) {
    v4 *data = memory;
    for (u32 i = 0; i < 4096; i++) {
        data[i] = (v4){i + 1, i * 3 + 1, i * 5 + 1, i * 7 + 1};
    }
    v4 sum = {0, 0, 0, 0};
    for (u64 r = 0; r < rounds; r++) {
        for (u32 i = 0; i < 4096; i++) {
            v4 x = data[i];
            x ^= x << 13;
            x ^= x >> 17;
            x ^= x << 5;
            data[i] = x;
            sum += x;
        }
    }
    return ((u64)(sum[0] ^ sum[1]) << 32) | (sum[2] ^ sum[3]);
}
