// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.internal;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.cpu.interpreter.internal.InterpreterFactory;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Random programs do the same on the translator, whatever its threshold, as on the interpreter one
 * instruction at a time: exits, registers, flags, memory and counts. {@link #main} runs as many as
 * wanted, from any seed.
 */
class EnginesAgreeTest {
    private static final int PROGRAMS = 150;

    private static final Options LOCK_STEP = new Options(1, 1, true, true);

    private static final String[] NAMES = {"threshold 1", "threshold 3", "lock-step"};

    private static final class Comparison implements AutoCloseable {
        final ProgramRun model;
        final ProgramRun[] others;
        final StringBuilder differences = new StringBuilder();
        int compared;
        int leftOut;
        int different;
        int whole;
        long exits;
        long instructions;

        Comparison(String style) {
            model = new ProgramRun(new InterpreterFactory(), style);
            others =
                    new ProgramRun[] {
                        new ProgramRun(Translators.at(1), style),
                        new ProgramRun(Translators.at(3), style),
                        new ProgramRun(Translators.of(LOCK_STEP), style)
                    };
        }

        void compare(long seed) {
            Random random = new Random(seed);
            RandomProgram p =
                    new RandomProgram(
                            random,
                            new RandomInstruction(random, ProgramRun.DATA),
                            ProgramRun.CODE);
            ProgramRun.Trace want = model.run(p, seed, true);
            if (want.useless != null) {
                leftOut++;
                return;
            }
            compared++;
            exits += want.exits.size();
            instructions += want.instructions;
            whole += want.whole ? 1 : 0;
            for (int i = 0; i < others.length; i++) {
                String d = others[i].run(p, seed, false).difference(want);
                if (d.isEmpty() && others[i].mismatch(model) >= 0) {
                    d = "memory at %x".formatted(others[i].mismatch(model));
                }
                if (!d.isEmpty()) {
                    different++;
                    differences.append("seed %d, %s: %s%s%n".formatted(seed, NAMES[i], d, p));
                    return;
                }
            }
        }

        @Override
        public void close() {
            for (ProgramRun r : others) {
                r.close();
            }
            model.close();
        }
    }

    @ParameterizedTest
    @CsvSource({"coded,1", "thrown,1001"})
    void theyAgree(String style, long seed) {
        try (Comparison c = new Comparison(style)) {
            for (int i = 0; i < PROGRAMS && c.different < 3; i++) {
                c.compare(seed + i);
            }
            assertThat(c.differences.toString()).isEmpty();
            assertThat(c.compared).isGreaterThan(PROGRAMS / 2);
            assertThat(c.exits).isGreaterThan(2L * PROGRAMS);
        }
    }

    /** Arguments: how many programs, the first one's seed, how many that differ are shown. */
    public static void main(String[] args) {
        int programs = args.length > 0 ? Integer.parseInt(args[0]) : 10_000;
        long seed = args.length > 1 ? Long.parseLong(args[1]) : 1;
        int shown = args.length > 2 ? Integer.parseInt(args[2]) : 5;
        int different = 0;
        for (String style : new String[] {"coded", "thrown"}) {
            try (Comparison c = new Comparison(style)) {
                for (int i = 0; i < programs && c.different < shown; i++) {
                    c.compare(seed + i);
                }
                System.out.printf(
                        "%s%s: %d programs (%d to their end, %d more left out), %d instructions,"
                                + " %d exits, %d differ%n",
                        c.differences,
                        style,
                        c.compared,
                        c.whole,
                        c.leftOut,
                        c.instructions,
                        c.exits,
                        c.different);
                different += c.different;
            }
        }
        System.exit(different == 0 ? 0 : 1);
    }
}
