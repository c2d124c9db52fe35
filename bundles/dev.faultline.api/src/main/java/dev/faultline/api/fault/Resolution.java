// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.fault;

/** A handler's answer. */
public enum Resolution {
    /** I filled or opened something: execute the instruction again. */
    RETRY,
    /** Not mine: ask the next handler. */
    PASS,
    /** Leave the run loop with this fault as the exit. */
    STOP
}
