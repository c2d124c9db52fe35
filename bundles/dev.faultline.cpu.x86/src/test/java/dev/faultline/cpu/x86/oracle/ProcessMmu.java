// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.oracle;

import dev.faultline.api.address.Page;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.fault.PendingFault;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.mmu.CodeListener;
import dev.faultline.testkit.cpu.StubMmu;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * The address space of the oracle's process: a code page, three data pages (the last read-only), a
 * stack page, nothing else.
 */
public final class ProcessMmu extends StubMmu {
    private static final long PAGE = Page.SIZE;

    /**
     * Addresses of the kernel: Linux reports accesses to them as protection violations. SDM 3A does
     * not know them.
     */
    private static final long USER_END = 0x7FFF_FFFF_F000L;

    public final MemorySegment code = Arena.ofAuto().allocate(PAGE, PAGE);
    public final MemorySegment data = Arena.ofAuto().allocate(3 * PAGE, PAGE);
    public final MemorySegment stack = Arena.ofAuto().allocate(PAGE, PAGE);
    private final long codeLin;
    private final long dataLin;
    private final long stackLin;

    private final List<CodeListener> listeners = new ArrayList<>();

    /** Translations until one is stopped, as RAM protection does; -1: none is. */
    int untilStop = -1;

    public ProcessMmu(long codeLin, long dataLin, long stackLin) {
        this.codeLin = codeLin;
        this.dataLin = dataLin;
        this.stackLin = stackLin;
    }

    @Override
    public long fill(VcpuContext v, long lin, int size, int access, FaultOrigin origin) {
        long page = lin & -PAGE;
        if ((access & FETCH) != 0) {
            return fetch(v, lin, page, access);
        }
        boolean writable = true;
        long hva;
        if (page >= dataLin && page < dataLin + 3 * PAGE) {
            hva = data.address() + (page - dataLin);
            writable = page < dataLin + 2 * PAGE;
        } else if (page == stackLin) {
            hva = stack.address();
        } else if (page == codeLin) {
            hva = code.address();
            writable = false;
        } else {
            return fault(v, lin, access, Long.compareUnsigned(lin, USER_END) >= 0 ? 1 : 0);
        }
        if ((access & WRITE) != 0 && !writable) {
            return fault(v, lin, access, 1);
        }
        int i = (int) (lin >>> 12 & VcpuContext.TLB_ENTRIES - 1) * VcpuContext.TLB_STRIDE;
        long tag = page | v.tlbKey;
        if (untilStop >= 0 && untilStop-- == 0) {
            int bit = (access & WRITE) != 0 ? PendingFault.ACCESS_W : PendingFault.ACCESS_R;
            v.fault.protectedPage(bit, 0, origin, lin, lin, hva, 0);
            return FAULTED;
        }
        if (v.tlb[i + 2] != hva - page) {
            v.tlb[i] = -1;
            v.tlb[i + 1] = -1;
        }
        v.tlb[i] = tag;
        if ((access & WRITE) != 0) {
            v.tlb[i + 1] = tag;
        }
        v.tlb[i + 2] = hva - page;
        v.missGpa = lin;
        v.missHva = hva + (lin & PAGE - 1);
        return v.missHva;
    }

    /** For engines: of the code page only. */
    private long fetch(VcpuContext v, long lin, long page, int access) {
        if (page != codeLin) {
            return fault(v, lin, access, 0);
        }
        int i = (int) (lin >>> 12) & VcpuContext.FETCH_TLB_ENTRIES - 1;
        v.fetchTag[i] = page | v.tlbKey;
        v.fetchGfn[i] = page >>> 12;
        v.fetchHva[i] = code.address();
        return code.address() + (lin & PAGE - 1);
    }

    private static long fault(VcpuContext v, long lin, int access, int present) {
        int code = present | ((access & WRITE) != 0 ? 2 : 0) | 4 | ((access & FETCH) != 0 ? 16 : 0);
        v.fault.guest(14, code);
        v.fault.gva = lin;
        return FAULTED;
    }

    @Override
    public void addCodeListener(CodeListener listener) {
        listeners.add(listener);
    }

    @Override
    public void removeCodeListener(CodeListener listener) {
        listeners.remove(listener);
    }

    @Override
    public void trackCode(VcpuContext v, long gfn) {}

    @Override
    public void untrackCode(VcpuContext v, long gfn) {}

    /** The code page was written. */
    void codeChanged() {
        for (CodeListener l : List.copyOf(listeners)) {
            l.codeChanged(codeLin, PAGE);
        }
    }

    public void setCode(byte[] bytes) {
        HostBytes.copyIn(bytes, 0, code.address() + OracleCpu.IP_OFFSET, bytes.length);
    }
}
