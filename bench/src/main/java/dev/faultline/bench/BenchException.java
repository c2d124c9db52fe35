// SPDX-License-Identifier: Apache-2.0
package dev.faultline.bench;

import java.io.Serial;

/** The benchmark cannot go on; one line for people. */
public final class BenchException extends Exception {
    @Serial private static final long serialVersionUID = 1;

    public BenchException(String message) {
        super(message);
    }
}
