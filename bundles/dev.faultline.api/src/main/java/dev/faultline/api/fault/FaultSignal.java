// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.fault;

import java.io.Serial;

/**
 * The throwable of the thrown style: one per vCPU, so that identity proves ownership; no stack, no
 * suppression. An {@code Error}, because {@code catch (Exception)} is what glue code writes; it
 * never leaves the engine's own frames.
 */
public final class FaultSignal extends Error {
    @Serial private static final long serialVersionUID = 1L;

    public FaultSignal() {
        super(null, null, false, false);
    }
}
