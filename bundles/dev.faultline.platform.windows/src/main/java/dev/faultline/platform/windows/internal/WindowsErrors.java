// SPDX-License-Identifier: Apache-2.0
package dev.faultline.platform.windows.internal;

import dev.faultline.api.platform.HostError;
import dev.faultline.api.platform.HostMemoryException;

/** Windows' error numbers in the platform's vocabulary (winerror.h). */
final class WindowsErrors {
    static final int ERROR_ACCESS_DENIED = 5;
    static final int ERROR_NOT_ENOUGH_MEMORY = 8;
    static final int ERROR_OUTOFMEMORY = 14;
    static final int ERROR_GEN_FAILURE = 31;
    static final int ERROR_NOT_SUPPORTED = 50;
    static final int ERROR_INVALID_PARAMETER = 87;
    static final int ERROR_CALL_NOT_IMPLEMENTED = 120;
    static final int ERROR_INVALID_ADDRESS = 487;
    static final int ERROR_PRIVILEGE_NOT_HELD = 1314;
    static final int ERROR_NO_SYSTEM_RESOURCES = 1450;
    static final int ERROR_WORKING_SET_QUOTA = 1453;
    static final int ERROR_PAGEFILE_QUOTA = 1454;
    static final int ERROR_COMMITMENT_LIMIT = 1455;

    private WindowsErrors() {}

    static HostError meaning(int error) {
        return switch (error) {
            case ERROR_INVALID_PARAMETER, ERROR_INVALID_ADDRESS -> HostError.INVALID;
            case ERROR_NOT_ENOUGH_MEMORY,
                    ERROR_OUTOFMEMORY,
                    ERROR_NO_SYSTEM_RESOURCES,
                    ERROR_WORKING_SET_QUOTA,
                    ERROR_PAGEFILE_QUOTA,
                    ERROR_COMMITMENT_LIMIT ->
                    HostError.NO_MEMORY;
            case ERROR_ACCESS_DENIED, ERROR_PRIVILEGE_NOT_HELD -> HostError.DENIED;
            case ERROR_NOT_SUPPORTED, ERROR_CALL_NOT_IMPLEMENTED -> HostError.UNSUPPORTED;
            default -> HostError.OTHER;
        };
    }

    static HostMemoryException failure(String what, int error) {
        return new HostMemoryException(
                meaning(error), "%s: Windows error %d".formatted(what, error));
    }
}
