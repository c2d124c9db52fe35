// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.internal;

import dev.faultline.api.engine.CpuidPolicy;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.engine.VcpuEngine;
import dev.faultline.api.engine.VcpuEngineFactory;
import dev.faultline.platform.posix.internal.PosixHostMemoryComponent;
import java.util.function.LongSupplier;

/** For the oracle campaign: the translator at threshold 1, with what its engines have executed. */
public final class TranslatorOracle implements VcpuEngineFactory, LongSupplier {
    private final TranslatorFactory factory =
            new TranslatorFactory(new PosixHostMemoryComponent(), new Options(1, 4, true, false));
    private TranslatingEngine engine;
    private long before;

    public TranslatorOracle() {
        if (factory.refusal() != null) {
            throw new IllegalStateException("this host cannot run it: " + factory.refusal());
        }
    }

    @Override
    public String name() {
        return factory.name();
    }

    /** The one before is closed. */
    @Override
    public VcpuEngine create(VcpuContext v) {
        before = getAsLong();
        engine = (TranslatingEngine) factory.create(v);
        return engine;
    }

    @Override
    public long getAsLong() {
        return before + (engine == null ? 0 : engine.generated());
    }

    @Override
    public CpuidPolicy cpuid() {
        return factory.cpuid();
    }
}
