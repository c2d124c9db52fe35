// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.platform;

import dev.faultline.api.address.Hva;
import org.osgi.annotation.versioning.ProviderType;

/**
 * Host memory for generated machine code: the same bytes at two addresses, of which one is read and
 * written and the other read and executed. No address is ever both writable and executable.
 *
 * <p>Zero-filled when it is made; a page occupies host memory only once touched. All methods may be
 * called from any thread, and the bytes may be read, written and executed by any thread from when
 * the memory is made until {@link #close}; who writes what is the callers' business.
 *
 * <p>What a store through {@link #writable} means to a thread that executes is up to the host's
 * processor. On x86 instruction fetches are coherent with stores, whatever address these were made
 * by, but a processor may have fetched the bytes of before already. So (SDM 3A, "Handling Self- and
 * Cross-Modifying Code"):
 *
 * <ol>
 *   <li>The writer stores the code, then publishes it by a release store (a volatile one is
 *       enough): x86 keeps the order of the two.
 *   <li>Who executes sees what was published, by an acquire load, and executes a serializing
 *       instruction (CPUID, IRET, SERIALIZE) before it enters the code. A jump is enough only for
 *       code that the same processor stored by the same linear address, which never is so here:
 *       "Self-Modifying Code" of the same volume asks for a serializing instruction where the two
 *       addresses differ, on the processor that stored as well.
 *   <li>Nobody stores to code while another thread may be executing it, as there is no order
 *       between that store and the fetches.
 * </ol>
 *
 * Processors whose instruction caches are not coherent (AArch64) need their own maintenance of
 * caches between the two steps, which is the caller's business as well.
 */
@ProviderType
public interface CodeMemory extends AutoCloseable {
    /**
     * hva of the first byte as it is read and written; page-aligned; until {@link #close}.
     * Executing there ends the process.
     */
    @Hva
    long writable();

    /**
     * hva of the first byte as it is read and executed; page-aligned; until {@link #close}. A store
     * there ends the process.
     */
    @Hva
    long executable();

    /** Size in bytes, a multiple of the host's page size. */
    long size();

    /**
     * Releases both views. The caller guarantees that no thread executes in the memory any more, or
     * will return to it, and that none reads or writes it: the process may have mapped something
     * else there since. Idempotent.
     */
    @Override
    void close();
}
