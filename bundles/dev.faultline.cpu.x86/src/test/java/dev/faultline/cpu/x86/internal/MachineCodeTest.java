// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.cpu.VcpuState;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.memory.GuestMemory;
import dev.faultline.api.mmu.Mmu;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.RamProtection;
import dev.faultline.api.protection.Rights;
import dev.faultline.api.vm.Disassembler;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.testkit.FakeMachine;
import dev.faultline.testkit.StubMachine;
import java.lang.foreign.MemorySegment;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;

class MachineCodeTest {
    private final FakeMachine ram = new FakeMachine(4);
    private final VcpuContext v = new VcpuContext(0);
    private final MachineCode code = new MachineCode();

    /** Its RAM, with a vCPU. */
    private final class Machine extends StubMachine {
        @Override
        public MachineConfig config() {
            return ram.config();
        }

        @Override
        public GuestMemory memory() {
            return ram.memory();
        }

        @Override
        public RamProtection protection() {
            return ram.protection();
        }

        @Override
        public Mmu mmu() {
            return ram.mmu();
        }

        @Override
        public List<VcpuState> vcpus() {
            return List.of(v);
        }
    }

    private final Machine machine = new Machine();

    private void put(int at, String hex) {
        byte[] b = HexFormat.of().parseHex(hex.replace(" ", ""));
        MemorySegment.copy(MemorySegment.ofArray(b), 0, ram.ram(), at, b.length);
    }

    private static Disassembler.Line line(long gva, String code, String text) {
        return new Disassembler.Line(gva, code, text);
    }

    @Test
    void instructionsFollowEachOther() {
        put(0x1000, "48 89 d8 06 eb fe");
        v.codeBits = 64;
        v.rip = 0x1000;
        assertThat(code.next(v)).isEqualTo(0x1000);
        assertThat(code.disassemble(machine, v, 0x1000, 3))
                .containsExactly(
                        line(0x1000, "48 89 d8", "mov rax,rbx"),
                        line(0x1003, "06", "(bad)"),
                        line(0x1004, "eb fe", "jmp 0x1004"));
    }

    @Test
    void outsideOf64BitModeTheSegmentCounts() {
        put(0x1230, "06");
        v.codeBits = 16;
        v.segBase[Segments.CS] = 0x1000;
        v.rip = 0x230;
        assertThat(code.disassemble(machine, v, code.next(v), 1))
                .containsExactly(line(0x1230, "06", "push es"));
        v.segBase[Segments.CS] = 0xFFFF_F000L;
        v.rip = 0x2230;
        assertThat(code.next(v)).isEqualTo(0x1230);
    }

    @Test
    void whatProtectionClosesIsNotReadAndNobodyIsAsked() {
        put(0x1FFE, "90 e8 90 90 90 90");
        v.codeBits = 64;
        ProtectionLayer layer =
                ram.protection()
                        .addLayer(
                                "watched",
                                (m, f) -> {
                                    throw new AssertionError("asked");
                                });
        layer.protect(0x2000, 0x1000, Rights.W);
        assertThat(code.disassemble(machine, v, 0x1FFE, 9))
                .containsExactly(line(0x1FFE, "90", "nop"), line(0x1FFF, "", "unreadable"));
        layer.protect(0x2000, 0x1000, Rights.RX);
        assertThat(code.disassemble(machine, v, 0x1FFF, 1))
                .containsExactly(line(0x1FFF, "e8 90 90 90 90", "call 0xffffffff9090b094"));
    }

    @Test
    void beyondRamThereIsNothing() {
        v.codeBits = 64;
        put(0x3FFF, "90");
        assertThat(code.disassemble(machine, v, 0x3FFF, 9))
                .containsExactly(line(0x3FFF, "90", "nop"), line(0x4000, "", "unreadable"));
    }

    @Test
    void aStrangersVcpuIsRefused() {
        assertThatThrownBy(() -> code.disassemble(machine, new VcpuContext(1), 0, 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("vCPU 1: expected one of machine vm");
        assertThatThrownBy(() -> code.disassemble(machine, v, 0, 0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("0 instructions");
    }
}
