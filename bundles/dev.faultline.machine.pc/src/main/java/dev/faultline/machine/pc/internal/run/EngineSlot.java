// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.run;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.engine.VcpuEngine;
import dev.faultline.api.engine.VcpuEngineFactory;
import dev.faultline.api.fault.FaultPropagation;
import dev.faultline.api.mmu.Mmu;
import dev.faultline.api.service.Others;

/**
 * What a machine's vCPUs run on: an engine each, and one fault style. Everything here is done while
 * the vCPUs stand; nothing architectural is lost, because engines keep only what can be derived
 * again.
 */
public final class EngineSlot {
    private final VcpuRunner[] runners;
    private volatile Mmu mmu;
    private volatile VcpuEngineFactory factory;
    private volatile FaultPropagation style;

    /** The runners' vCPUs must be wired but for their fault style. */
    public EngineSlot(
            VcpuRunner[] runners, Mmu mmu, VcpuEngineFactory factory, FaultPropagation style) {
        this.runners = runners;
        this.mmu = mmu;
        this.factory = factory;
        use(style);
        for (VcpuRunner r : runners) {
            r.v.reset(factory.cpuid());
            r.engine = make(factory, r.v);
        }
    }

    public VcpuEngineFactory factory() {
        return factory;
    }

    public FaultPropagation style() {
        return style;
    }

    private static VcpuEngine make(VcpuEngineFactory by, VcpuContext v) {
        return Others.made(by.create(v), "engine of vCPU " + v.index, by);
    }

    /**
     * Another factory's engines.
     *
     * @throws RuntimeException as the factory does; then those of the former one are back if it can
     *     make them, and none else
     */
    public void use(VcpuEngineFactory next) {
        VcpuEngineFactory former = hasEngines() ? factory : null;
        try {
            replace(next);
        } catch (Throwable e) {
            close();
            if (former != null && former != next) {
                replace(former);
            }
            throw e;
        }
    }

    private void replace(VcpuEngineFactory next) {
        close();
        factory = next;
        for (VcpuRunner r : runners) {
            mmu.flush(r.v);
            r.engine = make(next, r.v);
        }
    }

    /**
     * Another translation, after {@link #close} and once the vCPUs are attached to it. Engines come
     * back only if their factory is there.
     */
    public void use(Mmu next, boolean withEngines) {
        mmu = next;
        if (withEngines) {
            use(factory);
        }
    }

    /**
     * False between the going of a factory and the coming of the next, or when it could not make
     * them.
     */
    public boolean hasEngines() {
        for (VcpuRunner r : runners) {
            if (r.engine == null) {
                return false;
            }
        }
        return true;
    }

    public void use(FaultPropagation next) {
        style = next;
        for (VcpuRunner r : runners) {
            r.v.propagation = next;
        }
    }

    /** RESET of one vCPU, on its thread. */
    public void reset(VcpuContext v) {
        v.reset(factory.cpuid());
        mmu.flush(v);
    }

    public void close() {
        for (VcpuRunner r : runners) {
            r.closeEngine();
        }
    }
}
