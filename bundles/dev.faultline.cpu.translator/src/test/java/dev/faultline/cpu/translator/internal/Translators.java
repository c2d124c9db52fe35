// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.internal;

import static org.assertj.core.api.Assumptions.assumeThat;

import dev.faultline.platform.posix.internal.PosixHostMemoryComponent;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** The translator, for tests that are about it: they are skipped where it would interpret. */
final class Translators {
    private static final List<TranslatorFactory> ALL = new CopyOnWriteArrayList<>();

    private Translators() {}

    /** What the verifier refused so far of what the translators of this class wrote. */
    static long refused() {
        return ALL.stream().mapToLong(TranslatorFactory::refused).sum();
    }

    /**
     * One whose verifier reads all that it writes.
     *
     * @param threshold 1: everything is translated before it runs for the first time
     */
    static TranslatorFactory at(int threshold) {
        return of(new Options(threshold, 1, true, false));
    }

    static TranslatorFactory of(Options options) {
        TranslatorFactory f = new TranslatorFactory(new PosixHostMemoryComponent(), options);
        assumeThat(f.refusal()).isNull();
        ALL.add(f);
        return f;
    }
}
