// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.fault;

import org.osgi.annotation.versioning.ConsumerType;

/**
 * Asked about stopped accesses. Register it as a service (whiteboard) for all machines, or with a
 * protection layer for that layer's faults.
 *
 * <p>Called on the faulting vCPU's thread (for a device: on the machine's timer thread), after
 * unwinding, at an instruction boundary. May protect, map and fill pages. One that throws, is late,
 * or gives an answer that does not fit the fault is named in the log and counts as {@link
 * Resolution#PASS}; after repeated failure it is not asked any more.
 */
@ConsumerType
public interface FaultHandler {
    /** Service property: {@code long}, first gpa this handler wants to hear of (default 0). */
    String GPA_START = "faultline.gpa.start";

    /** Service property: {@code long}, size in bytes of the range (default: all). */
    String GPA_SIZE = "faultline.gpa.size";

    /**
     * Service property: {@code int}, mask of {@link dev.faultline.api.protection.Rights} bits
     * (default RWX).
     */
    String ACCESS_MASK = "faultline.access";

    /**
     * @param machine name of the machine
     * @param fault valid during this call only
     */
    Resolution onFault(String machine, PageFault fault);

    /**
     * How long an answer may take, if that is longer than the operator allows all handlers: for one
     * that waits for something outside the host and has a deadline of its own for that. Asked after
     * an answer that seems late.
     *
     * @return milliseconds; 0: as all handlers. More than 10 minutes counts as 10 minutes
     */
    default long patienceMillis() {
        return 0;
    }
}
