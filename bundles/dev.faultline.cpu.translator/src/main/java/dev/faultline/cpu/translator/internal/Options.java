// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.internal;

/**
 * What an operator sets.
 *
 * @param threshold a block is translated when it is about to run for this time; at least 1
 * @param codeMiB generated code that a vCPU keeps, 1 to 1024 MiB; when there is more it starts
 *     afresh
 * @param verify every translation is read again before it is executed
 * @param lockStep what generated code did is done again by the interpreter and compared
 */
record Options(int threshold, int codeMiB, boolean verify, boolean lockStep) {
    static final int THRESHOLD = 4;

    /** What a compiler with its kernel needs, twice; QEMU keeps four times that. */
    static final int CODE_MIB = 256;

    Options {
        if (threshold < 1) {
            throw new IllegalArgumentException(
                    "threshold %d: expected at least 1".formatted(threshold));
        }
        if (codeMiB < 1 || codeMiB > 1024) {
            throw new IllegalArgumentException(
                    "code memory of %d MiB: expected 1 .. 1024".formatted(codeMiB));
        }
    }

    long codeBytes() {
        return (long) codeMiB << 20;
    }
}
