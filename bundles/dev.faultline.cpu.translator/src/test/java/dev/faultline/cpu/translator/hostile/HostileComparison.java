// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.hostile;

import dev.faultline.api.engine.VcpuLoop;
import dev.faultline.cpu.interpreter.internal.InterpreterFactory;
import dev.faultline.cpu.interpreter.sweep.SweepState;
import dev.faultline.cpu.translator.hostile.HostileGuest.Stop;
import dev.faultline.cpu.translator.internal.VerifiedTranslator;
import java.util.List;

/** The same {@link HostileCode} on the translator and, one by one, on the interpreter. */
final class HostileComparison implements AutoCloseable {
    private final VerifiedTranslator translator;
    private final HostileGuest model;
    private final HostileGuest subject;

    long cases;
    long passages;

    /** They depend on what is undefined, or have no end. */
    long leftOut;

    long stops;
    long faults;
    long halts;
    long shutdowns;

    HostileComparison(VerifiedTranslator translator, String style) {
        this.translator = translator;
        model = new HostileGuest(new InterpreterFactory(), style);
        subject = new HostileGuest(translator.factory(), style);
    }

    /** What differs; empty: nothing. */
    String compare(long seed) {
        long refused = translator.refused();
        cases++;
        HostileCode code = HostileGuest.code(seed);
        model.load(seed, code);
        subject.load(seed, code);
        for (int n = 0; n < HostileGuest.PASSAGES; n++) {
            List<Stop> want = model.model(seed, n);
            if (want == null) {
                leftOut++;
                continue;
            }
            passages++;
            count(want);
            String d = difference(subject.subject(seed, n, want), want);
            long at = d.isEmpty() ? subject.mismatch(model) : -1;
            if (at >= 0) {
                d = "memory at %x".formatted(at);
            }
            if (!d.isEmpty()) {
                return "seed %d, passage %d: %s".formatted(seed, n, d);
            }
        }
        long more = translator.refused() - refused;
        return more == 0 ? "" : "seed %d: the verifier refuses %d".formatted(seed, more);
    }

    private void count(List<Stop> all) {
        stops += all.size();
        String last = all.getLast().why();
        halts += last.startsWith("exit " + VcpuLoop.EXIT_HALT) ? 1 : 0;
        shutdowns += last.startsWith("exit " + VcpuLoop.EXIT_SHUTDOWN) ? 1 : 0;
        faults += all.stream().filter(s -> s.why().startsWith("kind")).count();
    }

    private static String difference(List<Stop> got, List<Stop> want) {
        for (int i = 0; i < Math.min(got.size(), want.size()); i++) {
            Stop w = want.get(i);
            Stop g = got.get(i);
            String d =
                    g.state()
                            .but(SweepState.FLAGS, w.undefined(), w.state())
                            // How much of a repetition is one piece depends on what is decoded.
                            .difference(w.state(), SweepState.REPEATING);
            if (!g.why().equals(w.why())) {
                d += "%s expected %s; ".formatted(g.why(), w.why());
            }
            if (!d.isEmpty()) {
                return "stop %d of %d: %s".formatted(i, want.size(), d);
            }
        }
        return got.size() == want.size()
                ? ""
                : "%d stops expected %d".formatted(got.size(), want.size());
    }

    /** What the interpreter does up to the first passage that differs, of that passage. */
    String trace(long seed) {
        HostileCode code = HostileGuest.code(seed);
        model.load(seed, code);
        subject.load(seed, code);
        for (int n = 0; n < HostileGuest.PASSAGES; n++) {
            String trace = model.trace(seed, n);
            List<Stop> want = model.model(seed, n);
            if (want == null) {
                continue;
            }
            String d = difference(subject.subject(seed, n, want), want);
            if (!d.isEmpty() || subject.mismatch(model) >= 0) {
                return "passage %d%n%s%s memory at %x"
                        .formatted(n, trace, d, subject.mismatch(model));
            }
        }
        return "no difference";
    }

    long instructions() {
        return subject.instructions();
    }

    /** Instructions that generated code executed. */
    long generated() {
        return VerifiedTranslator.generated(subject.engine());
    }

    String summary() {
        return ("%d cases, %d passages (%d more left out), %d instructions (%d by generated code),"
                        + " %d stops: %d by protection, %d halts, %d shutdowns")
                .formatted(
                        cases,
                        passages,
                        leftOut,
                        instructions(),
                        generated(),
                        stops,
                        faults,
                        halts,
                        shutdowns);
    }

    @Override
    public void close() {
        subject.close();
        model.close();
    }
}
