// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.mmu.CodeListener;
import dev.faultline.api.mmu.Mmu;

/** Scripted vCPUs translate nothing. */
final class FakeMmu implements Mmu {
    @Override
    public long fill(VcpuContext v, long lin, int size, int access, FaultOrigin origin) {
        throw new AssertionError("not needed");
    }

    @Override
    public long physical(VcpuContext v, long gpa, int access, FaultOrigin origin) {
        throw new AssertionError("not needed");
    }

    @Override
    public long loadPdptes(VcpuContext v, long cr3) {
        return 0;
    }

    @Override
    public void invalidatePage(VcpuContext v, long lin) {}

    @Override
    public void flush(VcpuContext v) {
        v.flushTranslations();
    }

    @Override
    public long query(VcpuContext v, long lin) {
        return lin;
    }

    @Override
    public void trackCode(VcpuContext v, long gfn) {}

    @Override
    public void untrackCode(VcpuContext v, long gfn) {}

    @Override
    public void codeWritten(long gpa, long size) {}

    @Override
    public void addCodeListener(CodeListener listener) {}

    @Override
    public void removeCodeListener(CodeListener listener) {}

    @Override
    public void attach(VcpuContext v) {}

    @Override
    public void detach(VcpuContext v) {}

    @Override
    public long mappedPages() {
        return 0;
    }

    @Override
    public void close() {}
}
