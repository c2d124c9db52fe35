// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.protection;

import dev.faultline.api.address.Gfn;
import dev.faultline.api.address.Gpa;
import dev.faultline.api.fault.FaultHandler;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.osgi.annotation.versioning.ProviderType;

/**
 * The RAM protection service of one machine. Queries never lock. Rights of a range are dropped when
 * it is unmapped, and kept when it is re-mapped in place.
 */
@ProviderType
public interface RamProtection extends AutoCloseable {
    /**
     * The layer that the machine's user sees ({@code Machine.protect} and the command line); always
     * present. Named {@code user}.
     */
    ProtectionLayer userLayer();

    /**
     * Adds a layer whose faults go to {@code handler} first, before the whiteboard's handlers.
     *
     * @param name unique among live layers, non-blank
     * @param handler asked about faults that this layer caused; may be null (then such faults go to
     *     the whiteboard and the caller)
     */
    ProtectionLayer addLayer(String name, @Nullable FaultHandler handler);

    /**
     * Tells every access to the bytes, exactly; accesses that only share a page with them go on
     * untold. Guests', page walks' and devices' accesses alike. Uses one layer.
     *
     * @param name unique among live layers, non-blank
     * @param gpa first byte
     * @param size bytes, at least 1
     * @param kinds what to watch: a non-empty subset of {@link Rights#RWX}. A read-modify-write is
     *     both a read and a write; an instruction's fetch touches all its bytes
     * @throws IllegalArgumentException for a range that {@link ProtectionLayer#protect} refuses, no
     *     or unknown kinds, or a name in use; nothing was changed
     */
    default Watch watch(String name, @Gpa long gpa, long size, int kinds, WatchHandler handler) {
        return new Watch(this, name, gpa, size, kinds, handler);
    }

    /** Live layers, the user layer first. */
    List<ProtectionLayer> layers();

    /** Handler of a layer, or null. */
    @Nullable FaultHandler handlerOf(ProtectionLayer layer);

    /**
     * Effective rights of a page: the intersection over all layers. No lock, no allocation; pages
     * never mapped answer RWX.
     */
    int rightsOf(@Gfn long gfn);

    /**
     * Bytes of the aligned guest-physical windows in which rights and translations are kept; a
     * power of two, at least 4096. Rights are per page whatever it is: it only tells which
     * neighbours cost least.
     */
    default long chunkBytes() {
        return 2L << 20;
    }

    /**
     * Bit i is set if layer i of {@link #layers()} forbids {@code access} (a {@link Rights} bit) on
     * the page; 0 = allowed.
     */
    long forbiddingLayers(@Gfn long gfn, int access);

    void addListener(ProtectionListener listener);

    void removeListener(ProtectionListener listener);

    /** Bytes of host memory that rights occupy now. */
    long storageBytes();

    @Override
    void close();
}
