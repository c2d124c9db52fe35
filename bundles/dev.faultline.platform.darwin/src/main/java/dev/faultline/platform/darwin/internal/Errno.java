// SPDX-License-Identifier: Apache-2.0
package dev.faultline.platform.darwin.internal;

import dev.faultline.api.platform.HostError;
import dev.faultline.api.platform.HostMemoryException;

/** Darwin's error numbers in the platform's vocabulary. */
final class Errno {
    static final int EPERM = 1;
    static final int ENOMEM = 12;
    static final int EACCES = 13;
    static final int ENODEV = 19;
    static final int EINVAL = 22;
    static final int EAGAIN = 35;
    static final int ENOTSUP = 45;
    static final int ENOSYS = 78;
    static final int EOVERFLOW = 84;

    private Errno() {}

    static HostError meaning(int errno) {
        return switch (errno) {
            case EINVAL -> HostError.INVALID;
            case ENOMEM, EAGAIN, EOVERFLOW -> HostError.NO_MEMORY;
            case EPERM, EACCES -> HostError.DENIED;
            case ENODEV, ENOTSUP, ENOSYS -> HostError.UNSUPPORTED;
            default -> HostError.OTHER;
        };
    }

    static HostMemoryException failure(String what, int errno) {
        return new HostMemoryException(meaning(errno), "%s: errno %d".formatted(what, errno));
    }
}
