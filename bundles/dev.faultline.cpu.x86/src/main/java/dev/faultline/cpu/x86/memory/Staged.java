// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.memory;

import dev.faultline.api.engine.EngineScratch;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.mmu.Mmu;
import dev.faultline.cpu.x86.state.Outcome;

/**
 * Accesses without a single host address. The parts of the one staged read and the one staged write
 * of a vCPU.
 */
final class Staged extends EngineScratch {
    private final long[] readHva = new long[2];
    private final long[] readGpa = new long[2];
    private final int[] readLen = new int[2];
    private int readParts;
    private final long[] writeHva = new long[2];
    private final long[] preloadHva = new long[2];
    private final long[] writeGpa = new long[2];
    private final int[] writeLen = new int[2];
    private final boolean[] writeCode = new boolean[2];
    private int writeParts;
    private boolean busLocked;
    final DeviceReads reads = new DeviceReads();

    static Staged of(VcpuContext v) {
        if (v.staged instanceof Staged had) {
            return had;
        }
        Staged s = new Staged();
        v.staged = s;
        return s;
    }

    @Override
    public void forgetAccess() {
        reads.forget();
    }

    Staged read() {
        readParts = 0;
        return this;
    }

    Staged write() {
        writeParts = 0;
        return this;
    }

    void part(long h, long gpa, int len) {
        readHva[readParts] = h;
        readGpa[readParts] = gpa;
        readLen[readParts++] = len;
    }

    void writePart(VcpuContext v, long h, int len) {
        boolean code = h == Mmu.CODE;
        writeHva[writeParts] = code ? v.missHva : h;
        preloadHva[writeParts] = v.missRead;
        writeGpa[writeParts] = v.missGpa;
        writeCode[writeParts] = code;
        writeLen[writeParts++] = len;
    }

    boolean readsDevice() {
        return readHva[0] < 0 || readParts > 1 && readHva[1] < 0;
    }

    /**
     * @param early the instruction may still be stopped: remember what devices answer
     */
    long gather(VcpuContext v, boolean early) {
        long to = v.scratchRead;
        for (int i = 0; i < readParts; i++) {
            if (readHva[i] >= 0) {
                Atomic.copyFrom(readHva[i], to, readLen[i]);
            } else {
                deviceRead(v, readGpa[i], to, readLen[i], early);
            }
            to += readLen[i];
        }
        return v.scratchRead;
    }

    void preload(VcpuContext v) {
        long to = v.scratchWrite;
        for (int i = 0; i < writeParts; i++) {
            if (preloadHva[i] >= 0) {
                Atomic.copyFrom(preloadHva[i], to, writeLen[i]);
            } else {
                deviceRead(v, writeGpa[i], to, writeLen[i], true);
            }
            to += writeLen[i];
        }
    }

    /** The access goes straight to {@code v.missHva}, whose page holds decoded code. */
    long lockCode(VcpuContext v, int size) {
        write().writePart(v, Mmu.CODE, size);
        v.lockedCode = true;
        return v.missHva;
    }

    static int tellLocked(VcpuContext v) {
        Staged s = of(v);
        v.lockedCode = false;
        v.mmu.codeWritten(s.writeGpa[0], s.writeLen[0]);
        return Outcome.END;
    }

    /**
     * With the bus lock from here to {@link #commitLocked}, unless a device is involved: devices
     * may wait for whoever waits for the lock.
     */
    void preloadLocked(VcpuContext v) {
        boolean ram = true;
        for (int i = 0; i < writeParts; i++) {
            ram &= writeHva[i] >= 0 && preloadHva[i] >= 0;
        }
        if (ram) {
            v.busLock.acquire(v);
        }
        busLocked = ram; // an error may have kept an instruction before this from its commit
        preload(v);
    }

    static int commitLocked(VcpuContext v) {
        Staged s = of(v);
        if (!s.busLocked) {
            return commit(v);
        }
        for (int i = 0, at = 0; i < s.writeParts; at += s.writeLen[i++]) {
            Atomic.copyTo(v.scratchWrite + at, s.writeHva[i], s.writeLen[i]);
        }
        s.busLocked = false;
        v.busLock.release(v);
        int result = Outcome.NEXT;
        for (int i = 0; i < s.writeParts; i++) {
            if (s.writeCode[i]) {
                v.mmu.codeWritten(s.writeGpa[i], s.writeLen[i]);
                result = Outcome.END;
            }
        }
        return result;
    }

    static int commit(VcpuContext v) {
        Staged s = of(v);
        long from = v.scratchWrite;
        int result = Outcome.NEXT;
        for (int i = 0; i < s.writeParts; i++) {
            if (s.writeHva[i] < 0) {
                deviceWrite(v, s.writeGpa[i], from, s.writeLen[i]);
                if (v.requestOpaque() != 0) {
                    result = Outcome.END; // the device asks for this boundary
                }
            } else {
                Atomic.copyTo(from, s.writeHva[i], s.writeLen[i]);
                if (s.writeCode[i]) {
                    v.mmu.codeWritten(s.writeGpa[i], s.writeLen[i]);
                    result = Outcome.END;
                }
            }
            from += s.writeLen[i];
        }
        return result;
    }

    /** Naturally aligned pieces of at most 8 bytes, ascending. */
    private void deviceRead(VcpuContext v, long gpa, long to, int len, boolean early) {
        for (int at = 0; at < len; ) {
            int n = Atomic.piece(gpa + at, len - at);
            long x = early ? reads.read(v, gpa + at, n) : v.bus.mmioRead(gpa + at, n);
            Mem.store(to + at, n, x);
            at += n;
        }
    }

    private static void deviceWrite(VcpuContext v, long gpa, long from, int len) {
        for (int at = 0; at < len; ) {
            int n = Atomic.piece(gpa + at, len - at);
            v.bus.mmioWrite(gpa + at, n, Mem.load(from + at, n));
            at += n;
        }
    }
}
