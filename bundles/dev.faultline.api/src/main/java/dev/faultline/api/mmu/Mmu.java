// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.mmu;

import dev.faultline.api.address.Gfn;
import dev.faultline.api.address.Gpa;
import dev.faultline.api.address.Gva;
import dev.faultline.api.address.Hva;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.FaultOrigin;
import org.osgi.annotation.versioning.ProviderType;

/**
 * Address translation of one machine: guest page tables, EPT, RAM protection. Cold code: always
 * returns codes. Methods that take a {@link VcpuContext} are called on that vCPU's thread or while
 * it is quiesced.
 */
@ProviderType
public interface Mmu extends AutoCloseable {
    /** Access is a data read ({@link dev.faultline.api.protection.Rights#R}). */
    int READ = 1;

    /** Access is a data write. */
    int WRITE = 2;

    /** Access is an instruction fetch. */
    int FETCH = 4;

    /**
     * Or-ed in: an implicit supervisor access (descriptor tables, TSS), whatever the CPL; EFLAGS.AC
     * does not lift SMAP.
     */
    int SYSTEM = 8;

    /**
     * Or-ed in: the read or write is one half of a read-modify-write. The write is translated
     * first; what stops either tells both kinds.
     */
    int MODIFY = 16;

    /**
     * Result: the fault is recorded in {@code v.fault} (GUEST #PF or PROTECTED), nothing was
     * raised.
     */
    long FAULTED = -1;

    /** Result: no slot (or a write to ROM): a device access; {@code v.missGpa} is the gpa. */
    long DEVICE = -2;

    /**
     * Result of a write: RAM that holds decoded code; {@code v.missHva} and {@code v.missGpa} are
     * the byte's addresses. The caller writes there itself and then calls {@link #codeWritten}. No
     * writable translation is cached.
     */
    long CODE = -3;

    /**
     * Translates the first byte of an access; what of it lies on the next page is translated by
     * another call, and {@link dev.faultline.api.fault.PendingFault#partOf} then tells the whole.
     * Walks the guest's tables when CR0.PG is set, with all permission rules for the vCPU's CPL,
     * EFLAGS.AC, CR0.WP, CR4.SMEP/SMAP and EFER.NXE, sets A/D bits, consults EPT and protection,
     * and caches the result in the vCPU's translation arrays with exactly the rights it has. On
     * FAULTED v.cr2 is not changed: for GUEST faults {@code v.fault.gva} is the address.
     *
     * <p>An access that protection stops but {@code v.diversion} lets through, answers or drops
     * succeeds with the hva that the diversion gives, and is not cached.
     *
     * @param lin linear address, already truncated to 32 bits outside 64-bit mode; must be
     *     canonical
     * @param size bytes of the access from {@code lin} on, those on the next page included: what a
     *     fault tells
     * @param access READ, WRITE or FETCH, perhaps with SYSTEM or MODIFY
     * @param origin recorded if protection stops the access itself (a stopped walk records
     *     PAGE_WALK)
     * @return hva of the byte (&gt;= 0), {@link #FAULTED}, {@link #DEVICE} or {@link #CODE}
     */
    @Hva
    long fill(VcpuContext v, @Gva long lin, int size, int access, FaultOrigin origin);

    /** The same for an access of one byte. */
    default @Hva long fill(VcpuContext v, @Gva long lin, int access, FaultOrigin origin) {
        return fill(v, lin, 1, access, origin);
    }

    /**
     * As {@link #fill} for a guest-physical byte address (PDPTE loads); nothing is cached in the
     * vCPU's arrays.
     */
    @Hva
    long physical(VcpuContext v, @Gpa long gpa, int access, FaultOrigin origin);

    /**
     * Loads the four PDPTEs that {@code cr3} points to (SDM 3A, "PDPTE Registers"): all, or none.
     * Whether PAE paging is on, or about to be turned on by the instruction that asks, is the
     * caller's to know: CR0, CR3 and CR4 change only after the load. Returns 0 or {@link #FAULTED}
     * (#GP for reserved bits).
     */
    long loadPdptes(VcpuContext v, long cr3);

    /** Drops the vCPU's cached translation of the page at {@code lin} (INVLPG). */
    void invalidatePage(VcpuContext v, @Gva long lin);

    /** Drops all of the vCPU's cached translations. */
    void flush(VcpuContext v);

    /**
     * CR3 was loaded: drops the vCPU's cached translations but those of global pages (SDM 3A,
     * "Operations that Invalidate TLBs and Paging-Structure Caches"). An MMU that does not tell
     * them apart drops all.
     */
    default void flushLocal(VcpuContext v) {
        flush(v);
    }

    /**
     * Translates without side effects, for debuggers: no A/D updates, no faults, rights ignored for
     * paging; protection honoured.
     *
     * @return gpa, or -1 if not mapped
     */
    @Gpa
    long query(VcpuContext v, @Gva long lin);

    /**
     * Call before decoding bytes of the page: from now on writes to it, through whichever page
     * shows the same bytes, answer {@link #CODE}. Returns when no vCPU has a writable translation
     * of it. May drop all cached translations of {@code v} and let other vCPUs change rights and
     * mappings: an hva from before the call must be translated again.
     */
    void trackCode(VcpuContext v, @Gfn long gfn);

    /**
     * This vCPU's engine has no decoded code of the page left: once no vCPU has, writes are fast
     * again.
     */
    void untrackCode(VcpuContext v, @Gfn long gfn);

    /**
     * Guest RAM was written by other means than a cached translation: tells the code listeners of
     * each tracked page that shows one of the bytes, be it another one than was written. The
     * machine says it of the page of a fault whose handlers were asked; one who writes elsewhere
     * through an hva, to a page that could be executed at any time since, has to. Any thread.
     */
    void codeWritten(@Gpa long gpa, long size);

    void addCodeListener(CodeListener listener);

    void removeCodeListener(CodeListener listener);

    /** Registers a vCPU for invalidation; before its first run. */
    void attach(VcpuContext v);

    void detach(VcpuContext v);

    /** Number of EPT leaves present. */
    long mappedPages();

    @Override
    void close();
}
