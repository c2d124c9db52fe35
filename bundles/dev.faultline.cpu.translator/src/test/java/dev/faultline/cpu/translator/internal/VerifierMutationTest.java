// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.internal;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.cpu.translator.verify.Candidate;
import dev.faultline.cpu.x86.isa.InstructionTable;
import dev.faultline.cpu.x86.isa.Recode;
import dev.faultline.cpu.x86.isa.Row;
import dev.faultline.cpu.x86.isa.Space;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * What the translator writes, with errors: each is refused, or {@link AccessOracle} shows that it
 * does no harm. {@code -Dfaultline.verify=N} makes N times as many.
 */
class VerifierMutationTest {
    private static final int TRANSLATIONS = 60 * Integer.getInteger("faultline.verify", 1);

    private final Random random = new Random(3);
    private final List<String> harmful = new ArrayList<>();
    private Translated translated;
    private AccessOracle oracle;
    private int tried;
    private int accepted;

    @BeforeEach
    void open() {
        translated = new Translated();
        oracle = new AccessOracle(translated.exitHva(), translated::jumpExitHva);
    }

    @AfterEach
    void close() {
        translated.close();
    }

    @Test
    void theOracleAcceptsWhatIsWritten() {
        for (Candidate c : translations()) {
            assertThat(oracle.fault(c)).isNull();
        }
    }

    @Test
    void changedBytes() {
        for (Candidate c : translations()) {
            for (int i = 0; i < c.code().length; i++) {
                for (int bit = 0; bit < 8; bit++) {
                    byte[] code = c.code().clone();
                    code[i] ^= (byte) (1 << bit);
                    look(c, code);
                }
                byte[] code = c.code().clone();
                code[i] = (byte) random.nextInt(256);
                look(c, code);
            }
        }
        verdict();
    }

    /** What is behind moves, and displacements of jumps across do not follow. */
    @Test
    void addedAndLostBytes() {
        for (Candidate c : translations()) {
            int n = c.code().length;
            for (int i = 0; i < n; i++) {
                byte[] less = Arrays.copyOf(c.code(), n - 1);
                System.arraycopy(c.code(), i + 1, less, i, n - 1 - i);
                look(c, less);
                byte[] more = Arrays.copyOf(c.code(), n + 1);
                System.arraycopy(c.code(), i, more, i + 1, n - i);
                more[i] = (byte) random.nextInt(256);
                look(c, more);
            }
        }
        verdict();
    }

    /** Something else of the translator's in the place of some bytes: the rest is as it was. */
    @Test
    void movedBytes() {
        List<Candidate> all = translations();
        for (Candidate c : all) {
            for (int k = 0; k < 2000; k++) {
                byte[] from = all.get(random.nextInt(all.size())).code();
                int n = 1 + random.nextInt(12);
                byte[] code = c.code().clone();
                System.arraycopy(
                        from,
                        random.nextInt(from.length - n),
                        code,
                        random.nextInt(code.length - n),
                        n);
                look(c, code);
            }
        }
        verdict();
    }

    private List<Candidate> translations() {
        List<Row> rows =
                InstructionTable.all().stream()
                        .filter(r -> r.space == Space.LEGACY)
                        .filter(r -> r.definition.recode() != Recode.JAVA)
                        .toList();
        List<Candidate> all = new ArrayList<>();
        while (all.size() < TRANSLATIONS) {
            List<byte[]> block = new ArrayList<>();
            while (block.size() < 2) {
                byte[] b = RowInstruction.random(rows.get(random.nextInt(rows.size())), random);
                if (b != null) {
                    block.add(b);
                }
            }
            Candidate c = translated.block(block, all.size() % Translated.CLASSES);
            if (c != null && HexFormat.of().formatHex(c.code()).contains("4f8bb4f7")) {
                all.add(c);
            }
        }
        return all;
    }

    private void look(Candidate c, byte[] code) {
        Candidate changed =
                new Candidate(
                        code,
                        c.hva(),
                        c.entries(),
                        c.codeClass(),
                        c.firstExit(),
                        c.endExit(),
                        c.links());
        tried++;
        if (translated.verdict(changed) != null) {
            return;
        }
        accepted++;
        String fault = oracle.fault(changed);
        if (fault != null && harmful.size() < 50) {
            harmful.add(fault + " in " + HexFormat.of().formatHex(code));
        }
    }

    private void verdict() {
        assertThat(harmful).isEmpty();
        // Most bytes matter; registers and immediates of the guest are free.
        assertThat(accepted).isLessThan(tried / 2);
    }
}
