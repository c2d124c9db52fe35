// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.platform;

import org.osgi.annotation.versioning.ProviderType;

/**
 * Host memory for guest RAM. Service provided by the platform bundle of the running operating
 * system.
 *
 * <p>Failures are {@link HostMemoryException}s with one meaning per {@link HostError} on every
 * platform; there is no partial success. All methods may be called from any thread.
 */
@ProviderType
public interface HostMemory {
    /** Service property: {@code posix}, {@code windows} or {@code darwin}. */
    String PLATFORM = "platform.name";

    /** The host's page size in bytes (a power of two). */
    int pageSize();

    /**
     * Reserves zero-filled memory that costs host memory only where it is touched.
     *
     * @param bytes size, 1 .. 2^46, rounded up to the host's page size
     * @throws HostMemoryException {@link HostError#INVALID} for a size out of range, {@link
     *     HostError#NO_MEMORY} when the host has no address space or memory for it
     */
    HostRegion reserve(long bytes);

    /**
     * Makes zero-filled memory that private views can show. It costs host memory only where it is
     * touched.
     *
     * @param bytes size, 1 .. 2^46, rounded up to the host's page size
     * @throws HostMemoryException {@link HostError#INVALID} for a size out of range, {@link
     *     HostError#NO_MEMORY} when the host has no address space or memory for it, {@link
     *     HostError#UNSUPPORTED} when this platform has no such memory
     */
    default SharedMemory share(long bytes) {
        throw new HostMemoryException(
                HostError.UNSUPPORTED,
                "share 0x%x bytes: %s has no memory that views can share"
                        .formatted(bytes, getClass().getName()));
    }

    /**
     * Makes zero-filled memory for generated machine code, which is written at one address and
     * executed at another. It costs host memory only where it is touched. Linux and FreeBSD have
     * it.
     *
     * @param bytes size, 1 .. 2^46, rounded up to the host's page size
     * @throws HostMemoryException {@link HostError#INVALID} for a size out of range, {@link
     *     HostError#NO_MEMORY} when the host has no address space or memory for it, {@link
     *     HostError#DENIED} when the host forbids this process to execute what it wrote (SELinux,
     *     seccomp, {@code vm.memfd_noexec}), {@link HostError#UNSUPPORTED} when this platform has
     *     no such memory
     */
    default CodeMemory code(long bytes) {
        throw new HostMemoryException(
                HostError.UNSUPPORTED,
                "code 0x%x bytes: %s has no memory for generated code"
                        .formatted(bytes, getClass().getName()));
    }
}
