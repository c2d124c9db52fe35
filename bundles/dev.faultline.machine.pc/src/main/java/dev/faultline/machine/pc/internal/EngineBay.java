// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import dev.faultline.api.cpu.VcpuContext;
import dev.faultline.api.cpu.VcpuEngineFactory;
import dev.faultline.api.fault.FaultPropagation;
import dev.faultline.api.mmu.Mmu;

/**
 * What a machine's vCPUs run on: an engine each, and one fault style. Everything here is done while
 * the vCPUs stand; nothing architectural is lost, because engines keep only what can be derived
 * again.
 */
final class EngineBay {
    private static final System.Logger LOG = System.getLogger(EngineBay.class.getName());
    private final VcpuRunner[] runners;
    private volatile Mmu mmu;
    private volatile VcpuEngineFactory factory;
    private volatile FaultPropagation style;

    /** The runners' vCPUs must be wired but for their fault style. */
    EngineBay(VcpuRunner[] runners, Mmu mmu, VcpuEngineFactory factory, FaultPropagation style) {
        this.runners = runners;
        this.mmu = mmu;
        this.factory = factory;
        use(style);
        for (VcpuRunner r : runners) {
            factory.reset(r.v);
            r.v.recompute();
            r.engine = factory.create(r.v);
        }
    }

    VcpuEngineFactory factory() {
        return factory;
    }

    FaultPropagation style() {
        return style;
    }

    void use(VcpuEngineFactory next) {
        close();
        factory = next;
        for (VcpuRunner r : runners) {
            mmu.flush(r.v);
            r.engine = next.create(r.v);
        }
    }

    /**
     * Another translation, after {@link #close} and once the vCPUs are attached to it. Engines come
     * back only if their factory is there.
     */
    void use(Mmu next, boolean withEngines) {
        mmu = next;
        if (withEngines) {
            use(factory);
        }
    }

    /** False between the going of a factory and the coming of the next. */
    boolean hasEngines() {
        return runners[0].engine != null;
    }

    void use(FaultPropagation next) {
        style = next;
        for (VcpuRunner r : runners) {
            r.v.propagation = next;
        }
    }

    /** RESET of one vCPU, on its thread. */
    void reset(VcpuContext v) {
        factory.reset(v);
        v.recompute();
        mmu.flush(v);
    }

    void close() {
        for (VcpuRunner r : runners) {
            r.closeEngine(why ->
                    LOG.log(System.Logger.Level.ERROR, "engine of vCPU " + r.v.index + ": " + why));
        }
    }
}
