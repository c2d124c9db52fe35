// SPDX-License-Identifier: Apache-2.0
package dev.faultline.testkit.cpu;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.mmu.CodeListener;
import dev.faultline.api.mmu.Mmu;

/**
 * An MMU that does nothing: each method fails the test with its name. A test overrides those that
 * it expects, mostly {@link #fill}.
 */
public abstract class StubMmu implements Mmu {
    /** For tests that override. */
    protected StubMmu() {}

    @Override
    public long fill(VcpuContext v, long lin, int size, int access, FaultOrigin origin) {
        throw new AssertionError("Mmu.fill");
    }

    @Override
    public long physical(VcpuContext v, long gpa, int access, FaultOrigin origin) {
        throw new AssertionError("Mmu.physical");
    }

    @Override
    public long loadPdptes(VcpuContext v, long cr3) {
        throw new AssertionError("Mmu.loadPdptes");
    }

    @Override
    public void invalidatePage(VcpuContext v, long lin) {
        throw new AssertionError("Mmu.invalidatePage");
    }

    @Override
    public void flush(VcpuContext v) {
        throw new AssertionError("Mmu.flush");
    }

    @Override
    public long query(VcpuContext v, long lin) {
        throw new AssertionError("Mmu.query");
    }

    @Override
    public void trackCode(VcpuContext v, long gfn) {
        throw new AssertionError("Mmu.trackCode");
    }

    @Override
    public void untrackCode(VcpuContext v, long gfn) {
        throw new AssertionError("Mmu.untrackCode");
    }

    @Override
    public void codeWritten(long gpa, long size) {
        throw new AssertionError("Mmu.codeWritten");
    }

    @Override
    public void addCodeListener(CodeListener listener) {
        throw new AssertionError("Mmu.addCodeListener");
    }

    @Override
    public void removeCodeListener(CodeListener listener) {
        throw new AssertionError("Mmu.removeCodeListener");
    }

    @Override
    public void attach(VcpuContext v) {
        throw new AssertionError("Mmu.attach");
    }

    @Override
    public void detach(VcpuContext v) {
        throw new AssertionError("Mmu.detach");
    }

    @Override
    public long mappedPages() {
        throw new AssertionError("Mmu.mappedPages");
    }

    @Override
    public void close() {
        throw new AssertionError("Mmu.close");
    }
}
