// SPDX-License-Identifier: Apache-2.0
package dev.faultline.mmu.internal;

import dev.faultline.api.address.Page;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.memory.GuestMemory;
import dev.faultline.api.memory.MemoryListener;
import dev.faultline.api.memory.MemorySlot;
import dev.faultline.api.mmu.CodeListener;
import dev.faultline.api.mmu.Mmu;
import dev.faultline.api.protection.ProtectionListener;
import dev.faultline.api.protection.RamProtection;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Translation of one machine: finds the vCPU's {@link Translator}, and takes translations away when
 * rights, mappings or code tracking ask for it.
 *
 * <p>Takes no lock. {@link #attach} and {@link #detach} serialise on this object.
 */
final class GuestMmu implements Mmu, MemoryListener, ProtectionListener {
    private final GuestMemory memory;
    private final RamProtection protection;
    private final Ept ept;
    private final CopyOnWriteArrayList<CodeListener> codeListeners = new CopyOnWriteArrayList<>();

    /** Index = {@link VcpuContext#index}; null = none. Replaced, never changed. */
    private volatile @Nullable Translator[] translators = {};

    /** The same vCPUs without gaps. */
    private volatile VcpuContext[] vcpus = {};

    /** Invalidations between their first cleared leaf and the end of their fence. */
    private final AtomicInteger fencing = new AtomicInteger();

    /** {@link Ept#strays} that a completed fence has covered. */
    private final AtomicLong fencedStrays = new AtomicLong();

    /** Kept, because it is needed at every restriction. */
    private final Ept.PageVisitor tellPage = gfn -> codeChanged(Page.gpa(gfn), Page.SIZE);

    /** Of the slots as they were when last asked; see {@link #aliases}. */
    private volatile Aliases aliases = new Aliases(List.of());

    private volatile boolean closed;

    GuestMmu(GuestMemory memory, RamProtection protection) {
        this.memory = memory;
        this.protection = protection;
        ept = new Ept(memory, protection);
        memory.addListener(this);
        protection.addListener(this);
    }

    // ---- translation
    @Override
    public long fill(VcpuContext v, long lin, int size, int access, FaultOrigin origin) {
        return translator(v).fill(lin, size, access, origin);
    }

    @Override
    public long physical(VcpuContext v, long gpa, int access, FaultOrigin origin) {
        return translator(v).physical(gpa, 1, access, origin);
    }

    @Override
    public long loadPdptes(VcpuContext v, long cr3) {
        return translator(v).loadPdptes(cr3);
    }

    @Override
    public void invalidatePage(VcpuContext v, long lin) {
        translator(v).invalidatePage(lin);
    }

    @Override
    public void flush(VcpuContext v) {
        v.flushTranslations();
    }

    @Override
    public void flushLocal(VcpuContext v) {
        v.flushLocalTranslations();
    }

    @Override
    public long query(VcpuContext v, long lin) {
        return new PageQuery(memory, protection).translate(v, lin);
    }

    RamProtection protection() {
        return protection;
    }

    private Translator translator(VcpuContext v) {
        @Nullable Translator[] all = translators;
        Translator t = v.index < all.length ? all[v.index] : null;
        if (t == null || t.v != v) {
            throw new IllegalStateException("vCPU " + v.index + " is not attached to this MMU");
        }
        return t;
    }

    // ---- vCPUs
    @Override
    public synchronized void attach(VcpuContext v) {
        if (closed) {
            throw new IllegalStateException("MMU is closed");
        }
        @Nullable Translator[] all = translators;
        if (v.index < all.length && all[v.index] != null) {
            throw new IllegalArgumentException("vCPU " + v.index + " is already attached");
        }
        all = Arrays.copyOf(all, Math.max(all.length, v.index + 1));
        all[v.index] = new Translator(this, ept, v, memory.physicalAddressBits());
        v.flushTranslations();
        publish(all);
    }

    @Override
    public synchronized void detach(VcpuContext v) {
        translator(v);
        @Nullable Translator[] all = translators.clone();
        all[v.index] = null;
        ept.forEachCodePage(0, Long.MAX_VALUE, gfn -> ept.clearCode(gfn, v.index));
        v.flushTranslations();
        publish(all);
    }

    private void publish(@Nullable Translator[] all) {
        VcpuContext[] contexts = new VcpuContext[all.length];
        int n = 0;
        for (Translator t : all) {
            if (t != null) {
                contexts[n++] = t.v;
            }
        }
        vcpus = Arrays.copyOf(contexts, n);
        translators = all;
    }

    /** The attached vCPU that runs on this thread, or null. */
    private static @Nullable VcpuContext self(VcpuContext[] all) {
        Thread current = Thread.currentThread();
        for (VcpuContext v : all) {
            if (v.thread() == current) {
                return v;
            }
        }
        return null;
    }

    // ---- invalidation
    @Override
    public void rightsRestricted(long gpa, long size) {
        invalidate(gpa, size);
    }

    @Override
    public void mappingRemoved(MemorySlot old) {
        invalidate(old.gpa(), old.size());
    }

    @Override
    public void mappingChanged(MemorySlot old, MemorySlot now) {
        invalidate(now.gpa(), now.size());
    }

    /**
     * Returns when no vCPU uses a translation of the range from before the call. Code listeners are
     * told twice: before the fence, so that what engines derived is condemned when the vCPUs
     * acknowledge; and after it, for what was decoded through a translation not yet dropped.
     */
    private void invalidate(long gpa, long size) {
        long gfn = Page.gfn(gpa);
        long pages = (gpa + size - 1 >>> 12) - gfn + 1;
        fencing.getAndIncrement();
        try {
            boolean found = ept.clear(gfn, pages);
            long strays = ept.strays();
            try {
                tellCode(gfn, pages);
            } finally {
                // Alone, with nothing found: no vCPU can have a translation of the range.
                if (found || strays != fencedStrays.get() || fencing.get() > 1) {
                    fence();
                    fencedStrays.accumulateAndGet(strays, Math::max);
                }
            }
            tellCode(gfn, pages);
        } finally {
            fencing.getAndDecrement();
        }
    }

    private void fence() {
        VcpuContext[] all = vcpus;
        VcpuContext.fence(all, self(all));
    }

    @Override
    public long mappedPages() {
        return ept.presentPages();
    }

    // ---- decoded code
    /**
     * See {@link Mmu#trackCode}. Why many vCPUs that decode the same pages get on: the code mark of
     * a page keeps new writers out, and stays until this vCPU takes it back; so one fence after it
     * was set is enough, whatever others do meanwhile. The note that there may be writers is taken
     * away only after such a fence, by one whose mark still stands. Who finds no note needs no
     * fence; who finds one makes one of its own, and waits for nobody else's. So a page costs a
     * vCPU at most one fence as long as nobody writes to it, and each of these ends ({@link
     * VcpuContext#fence}).
     */
    @Override
    public void trackCode(VcpuContext v, long gfn) {
        if (!ept.isCodeOf(gfn, v.index)) {
            ept.setCode(gfn, v.index);
        }
        if (mayBeWritten(gfn)) {
            dropWritable(v, gfn);
            VcpuContext.fenceOthers(vcpus, v);
            forgetWriters(gfn);
        }
    }

    /** As {@link Ept#mayBeWritten}, of every page that has the same bytes. */
    private boolean mayBeWritten(long gfn) {
        boolean written = ept.mayBeWritten(gfn);
        Aliases others = aliases();
        long hva = others.count() == 0 ? -1 : memory.hvaOf(Page.gpa(gfn));
        for (int i = 0; hva >= 0 && !written && i < others.count(); i++) {
            long g = others.gfn(i, hva);
            written = g >= 0 && ept.mayBeWritten(g);
        }
        return written;
    }

    private void dropWritable(VcpuContext v, long gfn) {
        Translator t = translator(v);
        t.dropWritable(gfn);
        Aliases others = aliases();
        long hva = others.count() == 0 ? -1 : memory.hvaOf(Page.gpa(gfn));
        for (int i = 0; hva >= 0 && i < others.count(); i++) {
            long g = others.gfn(i, hva);
            if (g >= 0 && g != gfn) {
                t.dropWritable(g);
            }
        }
    }

    private void forgetWriters(long gfn) {
        ept.forgetWriters(gfn);
        Aliases others = aliases();
        long hva = others.count() == 0 ? -1 : memory.hvaOf(Page.gpa(gfn));
        for (int i = 0; hva >= 0 && i < others.count(); i++) {
            long g = others.gfn(i, hva);
            if (g >= 0 && g != gfn) {
                ept.forgetWriters(g);
            }
        }
    }

    /**
     * As {@link Ept#admitWriter}, for a page whose bytes other pages may have too. Each page keeps
     * its own marks; a writer sets its page's and then looks at the code marks of all of them, and
     * who tracks code does it the other way round, so one of the two sees the other.
     */
    boolean admitWriter(long gfn, long hva) {
        return ept.admitWriter(gfn) && !isCodeElsewhere(gfn, hva);
    }

    /** Whether the bytes at {@code hva}, under whichever gfn, have been decoded. */
    boolean isCode(long gfn, long hva) {
        return ept.isCode(gfn) || isCodeElsewhere(gfn, hva);
    }

    private boolean isCodeElsewhere(long gfn, long hva) {
        Aliases others = aliases();
        for (int i = 0; i < others.count(); i++) {
            long g = others.gfn(i, hva);
            if (g >= 0 && g != gfn && ept.isCode(g)) {
                return true;
            }
        }
        return false;
    }

    /** Of the slots as they are now, or were at some time since the call began. */
    private Aliases aliases() {
        List<MemorySlot> now = memory.slots();
        Aliases a = aliases;
        if (a.slots != now) {
            a = new Aliases(now);
            aliases = a;
        }
        return a;
    }

    @Override
    public void untrackCode(VcpuContext v, long gfn) {
        ept.clearCode(gfn, v.index);
    }

    @Override
    public void codeWritten(long gpa, long size) {
        if (size <= 0) {
            return;
        }
        // The bytes are there before the marks are looked at: who marks a page and then reads old
        // bytes is told.
        VarHandle.fullFence();
        long last = gpa + size - 1;
        Aliases others = aliases();
        for (long gfn = Page.gfn(gpa); gfn <= last >>> 12; gfn++) {
            long from = Math.max(gpa, Page.gpa(gfn));
            long bytes = Math.min(last, gfn << 12 | 0xFFF) - from + 1;
            if (ept.isCode(gfn)) {
                codeChanged(from, bytes);
            }
            long hva = others.count() == 0 ? -1 : memory.hvaOf(from);
            for (int i = 0; hva >= 0 && i < others.count(); i++) {
                long g = others.gfn(i, hva);
                if (g >= 0 && g != gfn && ept.isCode(g)) {
                    codeChanged(g << 12 | from & 0xFFF, bytes);
                }
            }
        }
    }

    private void tellCode(long firstGfn, long pages) {
        if (!codeListeners.isEmpty()) {
            ept.forEachCodePage(firstGfn, pages, tellPage);
        }
    }

    private void codeChanged(long gpa, long size) {
        for (CodeListener listener : codeListeners) {
            listener.codeChanged(gpa, size);
        }
    }

    @Override
    public void addCodeListener(CodeListener listener) {
        codeListeners.addIfAbsent(listener);
    }

    @Override
    public void removeCodeListener(CodeListener listener) {
        codeListeners.remove(listener);
    }

    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            memory.removeListener(this);
            protection.removeListener(this);
            codeListeners.clear();
        }
    }
}
