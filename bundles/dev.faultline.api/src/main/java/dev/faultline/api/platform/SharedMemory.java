// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.platform;

import dev.faultline.api.address.Hva;
import org.osgi.annotation.versioning.ProviderType;

/**
 * Host memory that one owner fills and any number of private views show: the clean pages of clones.
 * Reads of bytes that were never written give zero, and a page occupies host memory only once
 * touched, however many views show it.
 *
 * <p>Any thread.
 */
@ProviderType
public interface SharedMemory extends AutoCloseable {
    /**
     * hva of the first byte as the owner reads and writes it; page-aligned; until {@link #close}.
     */
    @Hva
    long address();

    /** Size in bytes, a multiple of the host's page size. */
    long size();

    /**
     * Another view of all of it, from the first byte. Closing it is the caller's business.
     *
     * @throws HostMemoryException {@link HostError#NO_MEMORY} when the host has no address space or
     *     memory for it, {@link HostError#INVALID} after {@link #close}
     */
    View view();

    /**
     * Bytes that occupy host memory now, once for all views. As {@link HostRegion#residentBytes}.
     */
    long residentBytes();

    /**
     * Releases the owner's mapping. Views that there are stay as they are, but cannot {@link
     * View#follow} any more. Idempotent.
     */
    @Override
    void close();

    /**
     * A private, writable view: writes are seen through it alone, page of the host by page of the
     * host. A page that was never written through it shows the shared memory as it was when the
     * view was made or, on hosts where that is so, as it is; after {@link #follow} it shows on
     * every host what the owner had written before the call.
     *
     * <p>{@link #discard} makes pages of this view zero and gives their private memory back (where
     * the host does that only as a whole: when the view is closed); they never show the shared
     * memory again. {@link #residentBytes} counts private memory only: what was written through
     * this view and not discarded.
     */
    @ProviderType
    interface View extends HostRegion {
        /**
         * Makes visible what the owner has written to the range. Where a page has been written
         * through this view, that page's contents are undefined afterwards unless they are as
         * before: call it before the first write only. Nobody may access the range meanwhile.
         * Discarded pages stay zero.
         *
         * @param offset bytes from the start, page-aligned
         * @param bytes length, page-aligned
         * @throws HostMemoryException {@link HostError#INVALID} for a misaligned range or one past
         *     the end, or if the shared memory is closed and this host would need it
         */
        void follow(long offset, long bytes);
    }
}
