// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.internal;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.cpu.translator.verify.Candidate;
import dev.faultline.cpu.x86.isa.InstructionTable;
import dev.faultline.cpu.x86.isa.Row;
import dev.faultline.cpu.x86.isa.Space;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The verifier accepts what the translator writes: every row of the instruction table with operands
 * by chance, for every class of code. {@code -Dfaultline.verify=N} tries N of each row.
 */
class VerifierCorpusTest {
    private static final int EACH = Integer.getInteger("faultline.verify", 24);

    /** As a program, and as a kernel whose addresses are negative numbers of 32 bits. */
    @ParameterizedTest
    @ValueSource(longs = {Translated.BASE, 0xFFFF_FFFF_8123_4000L})
    void everyRowIsAccepted(long base) {
        Map<String, String> refused = new TreeMap<>();
        int translations = 0;
        Random random = new Random(1);
        try (Translated t = new Translated(base)) {
            for (Row row : InstructionTable.all()) {
                for (int k = 0; k < EACH && row.space == Space.LEGACY; k++) {
                    byte[] b = RowInstruction.random(row, random);
                    Candidate c = b == null ? null : t.block(List.of(b), k % Translated.CLASSES);
                    String verdict = c == null ? null : t.verdict(c);
                    translations += c == null ? 0 : 1;
                    if (verdict != null) {
                        String of = HexFormat.ofDelimiter(" ").formatHex(b);
                        refused.putIfAbsent(row.toString(), of + ": " + verdict);
                    }
                }
            }
        }
        assertThat(refused).isEmpty();
        assertThat(translations).isGreaterThan(100 * EACH);
    }

    @Test
    void blocksAreAccepted() {
        List<String> refused = new ArrayList<>();
        List<Row> rows = InstructionTable.all();
        Random random = new Random(2);
        try (Translated t = new Translated()) {
            for (int k = 0; k < 40 * EACH; k++) {
                List<byte[]> block = new ArrayList<>();
                while (block.size() < 48) {
                    byte[] b = RowInstruction.random(rows.get(random.nextInt(rows.size())), random);
                    if (b != null) {
                        block.add(b);
                    }
                }
                Candidate c = t.block(block, k % Translated.CLASSES);
                String verdict = c == null ? null : t.verdict(c);
                if (verdict != null) {
                    refused.add(verdict);
                }
            }
        }
        assertThat(refused).isEmpty();
    }
}
