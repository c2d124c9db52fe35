// SPDX-License-Identifier: Apache-2.0
package dev.faultline.bench.snapshots;

import java.io.Serial;

/** The benchmark cannot go on; one line for people. */
final class BenchException extends Exception {
    @Serial private static final long serialVersionUID = 1;

    BenchException(String message) {
        super(message);
    }
}
