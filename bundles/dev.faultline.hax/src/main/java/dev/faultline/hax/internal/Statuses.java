// SPDX-License-Identifier: Apache-2.0
package dev.faultline.hax.internal;

import static dev.faultline.api.hax.HaxAbi.*;

import dev.faultline.api.hax.HaxOp;
import dev.faultline.api.hax.HaxPlatform;

/** Which value the core's errors have on each host. */
final class Statuses {
    private final HaxPlatform platform;
    private final boolean strict;

    Statuses(HaxPlatform platform, boolean strict) {
        this.platform = platform;
        this.strict = strict;
    }

    private boolean windows() {
        return platform == HaxPlatform.WINDOWS;
    }

    /**
     * @param error 0 or a negative errno of the core
     */
    int of(HaxOp op, int error) {
        if (!windows() || error == 0) {
            return error;
        }
        if (error == ENODEV) {
            return STATUS_INVALID_HANDLE;
        }
        return switch (op) {
            case ALLOC_RAM, ADD_RAMBLOCK, RUN, VCPU_CREATE, CREATE_VM, SET_CPUID, GET_CPUID ->
                    STATUS_UNSUCCESSFUL;
            default -> error == EINVAL ? STATUS_INVALID_PARAMETER : STATUS_UNSUCCESSFUL;
        };
    }

    /** The handle is closed, or its object is gone. */
    int dead() {
        return windows() ? STATUS_INVALID_HANDLE : ENODEV;
    }

    /** The structure does not fit into the client's buffer. */
    int tooShort(HaxOp op) {
        if (!windows()) {
            return EFAULT;
        }
        return op == HaxOp.CREATE_VM ? STATUS_BUFFER_TOO_SMALL : STATUS_INVALID_PARAMETER;
    }

    /** No such operation. On Linux and NetBSD the reference says that one on a VM went well. */
    int unknown(HaxOp.On on) {
        if (windows()) {
            return STATUS_INVALID_PARAMETER;
        }
        boolean silent = strict && on == HaxOp.On.VM && platform != HaxPlatform.MACOS;
        return silent ? 0 : -platform.enosys();
    }
}
