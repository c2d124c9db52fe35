// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.memory;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.testkit.cpu.StubMmu;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What an access that crosses pages asks of the MMU, and in which order. */
class MemMissTest {
    private static final long LAST = 0xFFFF_FFFEL;

    private final VcpuContext v = new VcpuContext(0);
    private final MemorySegment bytes = Arena.ofAuto().allocate(64);
    private final List<String> fills = new ArrayList<>();

    MemMissTest() {
        v.mmu =
                new StubMmu() {
                    @Override
                    public long fill(
                            VcpuContext v, long lin, int size, int access, FaultOrigin origin) {
                        fills.add("%s %x".formatted(access, lin));
                        return bytes.address();
                    }
                };
    }

    @Test
    void outside64BitModeThePageBehindTheLastIsTheFirst() {
        v.codeBits = 32;
        Mem.read(v, Segments.DS, LAST, 4);
        Mem.readLate(v, Segments.DS, LAST, 8);
        Mem.write(v, Segments.DS, LAST, 4);
        Misses.probe(v, Segments.DS, LAST, 4, Mem.R);
        Misses.probe(v, Segments.DS, LAST, 4, Mem.W);
        assertThat(fills)
                .containsExactly(
                        "1 fffffffe",
                        "1 0",
                        "1 fffffffe",
                        "1 0",
                        "2 fffffffe",
                        "2 0",
                        "1 fffffffe",
                        "1 0",
                        "2 fffffffe",
                        "2 0");
    }

    @Test
    void in64BitModeItIsTheNext() {
        v.codeBits = 64;
        Mem.read(v, Segments.DS, LAST, 4);
        Mem.write(v, Segments.DS, LAST, 4);
        assertThat(fills).containsExactly("1 fffffffe", "1 100000000", "2 fffffffe", "2 100000000");
    }

    @Test
    void aReadModifyWriteAsksForTheWriteFirstOfEachPageAsBoth() {
        v.codeBits = 64;
        Mem.readWrite(v, Segments.DS, 0x1FFC, 8);
        assertThat(fills).containsExactly("18 1ffc", "17 1ffc", "18 2000", "17 2000");
    }
}
