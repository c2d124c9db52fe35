// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.string;

import static dev.faultline.api.cpu.Gpr.RCX;
import static dev.faultline.api.cpu.Gpr.RDI;
import static dev.faultline.api.cpu.Gpr.RSI;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.cpu.x86.decode.Decoder;
import dev.faultline.cpu.x86.memory.Mem;
import dev.faultline.cpu.x86.op.Op;
import dev.faultline.cpu.x86.state.Outcome;
import dev.faultline.testkit.cpu.CodedFaults;
import dev.faultline.testkit.cpu.RecordingBus;
import dev.faultline.testkit.cpu.StubMmu;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Repeated MOVS and STOS where vectors do not reach: chunks, page ends, overlaps, devices. */
class MovsTest {
    private static final int PAGES = 4;

    /** Linear address of a device's page. */
    private static final long MMIO = 0x8000;

    private final VcpuContext v = new VcpuContext(0);
    private final MemorySegment ram = Arena.ofAuto().allocate(PAGES * 0x1000, 0x1000);
    private final RecordingBus bus = new RecordingBus(0x1122_3344);

    @BeforeEach
    void setUp() {
        v.mmu = new Pages();
        v.propagation = new CodedFaults();
        v.bus = bus;
        v.cr0 = VcpuContext.CR0_PE | VcpuContext.CR0_PG;
        v.efer = VcpuContext.EFER_LMA;
        for (int i = 0; i < 6; i++) {
            v.segAttr[i] = Segments.P | Segments.S | Segments.TYPE_RW;
            v.segLimit[i] = -1;
        }
        v.segAttr[Segments.CS] |= Segments.TYPE_CODE | Segments.L;
        v.recompute();
        for (int i = 0; i < ram.byteSize(); i++) {
            ram.set(java.lang.foreign.ValueLayout.JAVA_BYTE, i, (byte) (i * 7 + (i >> 8)));
        }
    }

    /**
     * RAM at linear 0 to 0x3FFF, its last page read-only; a device; else #PF. Caches as the real
     * one does.
     */
    private final class Pages extends StubMmu {
        @Override
        public long fill(VcpuContext v, long lin, int size, int access, FaultOrigin origin) {
            if ((lin & -0x1000) == MMIO) {
                v.missGpa = lin;
                return DEVICE;
            }
            boolean readOnly = lin >= (PAGES - 1) * 0x1000;
            if (lin < 0 || lin >= PAGES * 0x1000 || readOnly && (access & WRITE) != 0) {
                v.fault.guest(14, 0);
                v.fault.gva = lin;
                return FAULTED;
            }
            long page = lin & -0x1000;
            int i = (int) (lin >>> 12) * VcpuContext.TLB_STRIDE;
            v.tlb[i] = page | v.tlbKey;
            v.tlb[i + 1] = readOnly ? -1 : page | v.tlbKey;
            v.tlb[i + 2] = ram.address();
            v.missGpa = lin;
            v.missHva = ram.address() + lin;
            return v.missHva;
        }
    }

    private Op op(String hex) {
        byte[] b = java.util.Arrays.copyOf(HexFormat.of().parseHex(hex), 15);
        return new Decoder().decode(b, 15, 64, 0);
    }

    private void registers(long rcx, long rsi, long rdi) {
        v.gpr[RCX] = rcx;
        v.gpr[RSI] = rsi;
        v.gpr[RDI] = rdi;
    }

    private void expect(long rcx, long rsi, long rdi) {
        assertEquals(rcx, v.gpr[RCX], "rcx");
        assertEquals(rsi, v.gpr[RSI], "rsi");
        assertEquals(rdi, v.gpr[RDI], "rdi");
    }

    private int at(long lin) {
        return (int) Mem.load(ram.address() + lin, 1);
    }

    @Test
    void chunksEndAtPagesAndAreBounded() {
        Op op = op("f3a4");
        registers(0x2000, 0x100, 0x900);
        int calls = 1;
        while (op.execute(v) == Outcome.AGAIN) {
            assertTrue(calls++ < 10, "bounded");
        }
        expect(0, 0x2100, 0x2900);
        assertTrue(calls >= 4, "a chunk is at most a page");
    }

    @Test
    void copyThatOverlapsUpwardsRepeatsItsStart() {
        Op op = op("f3a4");
        int first = at(0x10);
        int second = at(0x11);
        registers(0x1100, 0x10, 0x12);
        while (op.execute(v) == Outcome.AGAIN) {}
        for (int i = 0; i < 0x1100; i++) {
            assertEquals((i & 1) == 0 ? first : second, at(0x12 + i), "byte " + i);
        }
    }

    @Test
    void copyThatOverlapsWithWideElementsReadsWhatItWrote() {
        Op op = op("f348a5");
        byte[] want = ram.asSlice(0, 0x800).toArray(java.lang.foreign.ValueLayout.JAVA_BYTE);
        for (int i = 0; i < 64; i++) {
            System.arraycopy(want, 0x20 + 8 * i, want, 0x23 + 8 * i, 8);
        }
        registers(64, 0x20, 0x23);
        while (op.execute(v) == Outcome.AGAIN) {}
        for (int i = 0; i < 0x800; i++) {
            assertEquals(want[i] & 0xFF, at(i), "byte " + i);
        }
    }

    @Test
    void faultLeavesWholeIterationsDone() {
        Op op = op("f3ab");
        v.gpr[0] = 0x1234_5678;
        registers(16, 0, 0x3000 - 10);
        int result;
        do {
            result = op.execute(v);
        } while (result == Outcome.AGAIN);
        assertEquals(Outcome.FAULT, result);
        expect(14, 0, 0x3000 - 2);
        assertEquals(0x12, at(0x3000 - 3));
        assertEquals(0x3000, v.fault.gva);
    }

    @Test
    void deviceIsReadAfterTheDestinationIsKnownToBeWritable() {
        registers(1, MMIO + 4, 0x3000);
        assertEquals(Outcome.FAULT, op("f3a5").execute(v));
        assertEquals(List.of(), bus.log);
        expect(1, MMIO + 4, 0x3000);
        registers(1, MMIO + 4, 0x1000);
        assertEquals(Outcome.NEXT, op("a5").execute(v));
        assertEquals(List.of("read 8004 4"), bus.log);
        assertEquals(0x44, at(0x1000));
        expect(1, MMIO + 8, 0x1004);
    }

    @Test
    void deviceIsWrittenElementByElement() {
        v.gpr[0] = 0xAB;
        registers(3, 0, MMIO);
        Op op = op("f3aa");
        while (op.execute(v) == Outcome.AGAIN) {}
        assertEquals(List.of("write 8000 1 ab", "write 8001 1 ab", "write 8002 1 ab"), bus.log);
        expect(0, 0, MMIO + 3);
    }

    @Test
    void singleStepDoesOneIteration() {
        v.eflags |= VcpuContext.TF;
        registers(5, 0x10, 0x1000);
        assertEquals(Outcome.AGAIN, op("f3a4").execute(v));
        expect(4, 0x11, 0x1001);
    }
}
