// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.platform;

/** What can go wrong on the host's side; the same meaning on every platform. */
public enum HostError {
    /** The arguments are out of range or misaligned (EINVAL, ERROR_INVALID_PARAMETER). */
    INVALID(-22),
    /** No memory or address space (ENOMEM, ERROR_NOT_ENOUGH_MEMORY, ERROR_COMMITMENT_LIMIT). */
    NO_MEMORY(-12),
    /** The host refuses (EACCES, EPERM, ERROR_ACCESS_DENIED). */
    DENIED(-13),
    /** The host does not offer the operation (ENOSYS, ERROR_NOT_SUPPORTED). */
    UNSUPPORTED(-38),
    /** Anything else; the exception's message carries the host's own number. */
    OTHER(-5);

    private final int code;

    HostError(int code) {
        this.code = code;
    }

    /** The negative errno value that coded callers pass on. */
    public int code() {
        return code;
    }
}
