// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.decode;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.isa.InstructionTable;
import dev.faultline.cpu.x86.isa.Property;
import dev.faultline.cpu.x86.isa.Recode;
import dev.faultline.cpu.x86.isa.Row;
import dev.faultline.cpu.x86.isa.Uses;
import dev.faultline.cpu.x86.op.Op;
import dev.faultline.cpu.x86.op.Raise;
import dev.faultline.cpu.x86.state.Faults;
import dev.faultline.cpu.x86.state.Outcome;
import dev.faultline.testkit.cpu.CodedFaults;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/** What the table says of an instruction in a word, and that it is so. */
class LegalityTest {
    private static List<Row> with(Property p) {
        return InstructionTable.all().stream().filter(r -> r.definition.is(p)).toList();
    }

    /** What the row's instruction raises, whatever its ModR/M byte: operands are not looked at. */
    private static Set<Integer> raised(Row row, VcpuContext v) {
        Decoder decoder = new Decoder();
        Set<Integer> vectors = new TreeSet<>();
        for (int modrm = 0; modrm < 256; modrm++) {
            byte[] b = new byte[Decoder.MAX_LENGTH];
            int at = 0;
            if (row.map > 0) {
                b[at++] = 0x0F;
            }
            b[at++] = (byte) row.opcode;
            b[at] = (byte) modrm;
            for (int bits : new int[] {32, 64}) {
                Op op = decoder.decode(b, b.length, bits, 0);
                if (decoder.row() == row && !(op instanceof Raise)) {
                    v.codeBits = bits;
                    assertThat(op.execute(v)).as("%s %x", row, modrm).isEqualTo(Outcome.FAULT);
                    vectors.add(v.fault.vector);
                }
            }
        }
        return vectors;
    }

    private static VcpuContext at(long cr0, int cpl) {
        VcpuContext v = new VcpuContext(0);
        v.propagation = new CodedFaults();
        v.cr0 = cr0;
        v.cpl = cpl;
        return v;
    }

    @Test
    void privilegedInstructionsNeedLevel0() {
        assertThat(with(Property.CPL0)).hasSizeGreaterThan(14);
        for (Row row : with(Property.CPL0)) {
            for (int cpl = 1; cpl <= 3; cpl++) {
                assertThat(raised(row, at(VcpuContext.CR0_PE, cpl)))
                        .as(row.toString())
                        .containsExactly(Faults.GP);
            }
        }
    }

    @Test
    void someInstructionsNeedProtectedMode() {
        assertThat(with(Property.PROTECTED)).hasSizeGreaterThan(8);
        for (Row row : with(Property.PROTECTED)) {
            assertThat(raised(row, at(0, 0))).as(row.toString()).containsExactly(Faults.UD);
            VcpuContext v86 = at(VcpuContext.CR0_PE, 3);
            v86.eflags |= VcpuContext.VM;
            assertThat(raised(row, v86)).as(row.toString()).containsExactly(Faults.UD);
        }
    }

    /** SDM 3A, "Serializing Instructions", of what there is. */
    @Test
    void serializingInstructions() {
        assertThat(with(Property.SERIALIZING))
                .extracting(r -> r.mnemonic)
                .containsOnly(
                        "CPUID",
                        "INVD",
                        "INVLPG",
                        "IRET",
                        "LGDT",
                        "LIDT",
                        "LLDT",
                        "LTR",
                        "MOV_TO_CR",
                        "MOV_TO_DR",
                        "WBINVD",
                        "WRMSR");
    }

    /** Transfers with faults in their middle: nobody but them knows what they use. */
    @Test
    void ofAllOthersTheTableSaysWhatTheyUse() {
        Set<String> silent = new TreeSet<>();
        for (Row r : InstructionTable.all()) {
            if (r.definition.opaque() && r.definition.uses() == null) {
                silent.add(r.mnemonic);
            }
        }
        assertThat(silent)
                .containsExactly(
                        "CALLF",
                        "INT",
                        "INT1",
                        "INT3",
                        "INTO",
                        "IRET",
                        "JMPF",
                        "RETF",
                        "SYSCALL",
                        "SYSENTER",
                        "SYSEXIT",
                        "SYSRET");
    }

    @Test
    void whatIsEmittedAsItIsUsesItsOperandsAndFlagsOnly() {
        for (Row r : InstructionTable.all()) {
            Recode recode = r.definition.recode();
            if (recode != Recode.SAME && recode != Recode.GUARD) {
                continue;
            }
            assertThat(r.definition.is(Property.ENDS)).as(r.toString()).isFalse();
            Uses uses = r.definition.uses();
            if (uses != null) {
                for (Set<?> s : List.of(uses.read(), uses.written())) {
                    assertThat(s.toString()).as(r.toString()).doesNotContain("ST", "MEM", "SYS");
                }
            }
        }
    }
}
