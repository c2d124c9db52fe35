// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.internal;

import dev.faultline.api.engine.VcpuEngine;
import dev.faultline.api.engine.VcpuEngineFactory;
import dev.faultline.platform.posix.internal.PosixHostMemoryComponent;
import org.jspecify.annotations.Nullable;

/** The translator with its verifier on, for programs and for tests of other packages. */
public final class VerifiedTranslator {
    private final TranslatorFactory factory;

    /**
     * @param threshold 1: everything is translated before it runs for the first time
     * @param codeMiB memory for code of each engine
     */
    public VerifiedTranslator(int threshold, int codeMiB) {
        factory =
                new TranslatorFactory(
                        new PosixHostMemoryComponent(),
                        new Options(threshold, codeMiB, true, false));
    }

    public VcpuEngineFactory factory() {
        return factory;
    }

    /** Why it cannot run here; null: it can. */
    public @Nullable String refusal() {
        return factory.refusal();
    }

    /** How many translations and jumps the verifier refused so far. */
    public long refused() {
        return factory.refused();
    }

    /** How many instructions generated code of one of its engines has executed. */
    public static long generated(VcpuEngine engine) {
        return ((TranslatingEngine) engine).generated();
    }
}
