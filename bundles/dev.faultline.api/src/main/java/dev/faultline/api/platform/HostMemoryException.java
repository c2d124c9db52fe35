// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.platform;

import java.io.Serial;

/** A host-memory operation failed as a whole; nothing was changed. */
public final class HostMemoryException extends RuntimeException {
    @Serial private static final long serialVersionUID = 1L;

    private final HostError error;

    public HostMemoryException(HostError error, String message) {
        super(error + ": " + message);
        this.error = error;
    }

    public HostError error() {
        return error;
    }
}
