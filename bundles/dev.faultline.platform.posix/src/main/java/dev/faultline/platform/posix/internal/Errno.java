// SPDX-License-Identifier: Apache-2.0
package dev.faultline.platform.posix.internal;

import dev.faultline.api.platform.HostError;
import dev.faultline.api.platform.HostMemoryException;

/**
 * The host's error numbers in the platform's vocabulary. These five are the same on Linux and
 * FreeBSD; ENOSYS is not.
 */
final class Errno {
    static final int EPERM = 1;
    static final int ENOMEM = 12;
    static final int EACCES = 13;
    static final int ENODEV = 19;
    static final int EINVAL = 22;
    static final int ENOSYS_LINUX = 38;
    static final int ENOSYS_FREEBSD = 78;
    static final int EAGAIN_LINUX = 11;
    static final int EOVERFLOW_LINUX = 75;

    private Errno() {}

    static HostError meaning(int errno) {
        return switch (errno) {
            case EINVAL -> HostError.INVALID;
            case ENOMEM, EAGAIN_LINUX, EOVERFLOW_LINUX -> HostError.NO_MEMORY;
            case EPERM, EACCES -> HostError.DENIED;
            case ENODEV, ENOSYS_LINUX, ENOSYS_FREEBSD -> HostError.UNSUPPORTED;
            default -> HostError.OTHER;
        };
    }

    static HostMemoryException failure(String what, int errno) {
        return new HostMemoryException(meaning(errno), "%s: errno %d".formatted(what, errno));
    }
}
