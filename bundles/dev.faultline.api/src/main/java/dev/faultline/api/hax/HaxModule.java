// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.hax;

import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;
import org.osgi.annotation.versioning.ProviderType;

/**
 * One instance of the interface, as if its driver were loaded: its VMs are seen through it only. A
 * client opens devices by the names of {@link HaxPlatform} and issues ioctls on the handles.
 *
 * <p>Any thread, with HAXM's rule: the calls on one vCPU come one at a time (they serialise on the
 * vCPU; {@link HaxOp#KICKOFF} and {@link HaxOp#INTERRUPT} do not wait). Host addresses in
 * structures are addresses of this process; memory that a client registers must stay until its VM
 * is gone.
 */
@ProviderType
public interface HaxModule extends AutoCloseable {
    HaxPlatform platform();

    /**
     * Whether the oddities of the reference that a client could see are kept; docs/haxm-compat.md
     * lists them.
     */
    boolean strict();

    /**
     * Opens a device.
     *
     * @param device a name as {@link HaxPlatform} gives it
     * @return a handle, positive; or the status for "no such device", negative
     */
    long open(String device);

    /**
     * Closes a handle. A VM goes with its last handle and those of its vCPUs. Closing a closed
     * handle does nothing.
     */
    void close(long handle);

    /**
     * Issues an ioctl.
     *
     * @param handle from {@link #open}
     * @param code as {@link HaxOp#code} gives it for this platform
     * @param arg the structure, little-endian, from index 0 to the limit; read and written in
     *     place; may be null where there is none
     * @return 0, or what the driver of that platform would give: a negative errno, on Windows an
     *     NTSTATUS
     */
    int ioctl(long handle, int code, @Nullable ByteBuffer arg);

    /** Destroys all VMs; every handle is dead afterwards. Idempotent. */
    @Override
    void close();
}
