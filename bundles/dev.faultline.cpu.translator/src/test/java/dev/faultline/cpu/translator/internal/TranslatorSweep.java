// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.internal;

import dev.faultline.cpu.interpreter.sweep.FaultSweep;
import dev.faultline.platform.posix.internal.PosixHostMemoryComponent;
import java.util.ArrayList;
import java.util.List;

/** The fault sweep of the translator. See docs/howto/fault-sweep.md. */
public final class TranslatorSweep {
    private TranslatorSweep() {}

    public static void main(String[] args) {
        int threshold = 1;
        List<String> others = new ArrayList<>();
        for (int i = 0; i < args.length; i++) {
            if (args[i].equals("--threshold") && i + 1 < args.length) {
                threshold = Integer.parseInt(args[++i]);
            } else {
                others.add(args[i]);
            }
        }
        TranslatorFactory f =
                new TranslatorFactory(
                        new PosixHostMemoryComponent(),
                        new Options(threshold, Options.CODE_MIB, true, false));
        if (f.refusal() != null) {
            throw new IllegalStateException("this host cannot run it: " + f.refusal());
        }
        System.exit(FaultSweep.run(f, others));
    }
}
