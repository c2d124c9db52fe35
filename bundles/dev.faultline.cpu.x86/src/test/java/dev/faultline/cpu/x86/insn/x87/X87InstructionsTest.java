// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.x87;

import static dev.faultline.api.memory.HostBytes.get16;
import static dev.faultline.api.memory.HostBytes.get32;
import static dev.faultline.api.memory.HostBytes.get64;
import static dev.faultline.api.memory.HostBytes.put16;
import static dev.faultline.api.memory.HostBytes.put32;
import static dev.faultline.api.memory.HostBytes.put64;
import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.cpu.x86.decode.Decoder;
import dev.faultline.cpu.x86.op.Op;
import dev.faultline.cpu.x86.state.Faults;
import dev.faultline.cpu.x86.state.Outcome;
import dev.faultline.testkit.cpu.CodedFaults;
import dev.faultline.testkit.cpu.StubMmu;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What vectors recorded in user mode cannot show: availability, state images of every mode, and
 * that a stopped access changes nothing.
 */
class X87InstructionsTest {
    /** Linear address of the one present page; the next one is absent. */
    private static final long PAGE = 0x5000;

    private final MemorySegment ram = Arena.ofAuto().allocate(0x1000, 0x1000);
    private final VcpuContext v = new VcpuContext(0);
    private final Decoder decoder = new Decoder();

    X87InstructionsTest() {
        v.mmu = new OnePage();
        v.propagation = new CodedFaults();
        v.cr0 = VcpuContext.CR0_PE | VcpuContext.CR0_NE | VcpuContext.CR0_ET;
        v.cr4 = VcpuContext.CR4_OSFXSR;
        protectedMode(32);
        X87.initialize(v);
    }

    private void protectedMode(int bits) {
        v.efer = bits == 64 ? VcpuContext.EFER_LMA : 0;
        int common = Segments.P | Segments.S | Segments.G;
        for (int s = 0; s < 6; s++) {
            v.segBase[s] = 0;
            v.segLimit[s] = -1;
            v.segSel[s] = s == Segments.CS ? 0x08 : 0x10;
            v.segAttr[s] = common | Segments.DB | 3;
        }
        int size = bits == 64 ? Segments.L : bits == 32 ? Segments.DB : 0;
        v.segAttr[Segments.CS] = common | size | 0xB;
        v.recompute();
    }

    private void realMode() {
        v.cr0 &= ~VcpuContext.CR0_PE;
        for (int s = 0; s < 6; s++) {
            v.segBase[s] = 0;
            v.segSel[s] = 0;
            v.segLimit[s] = 0xFFFF;
            v.segAttr[s] = Segments.P | Segments.S | 3;
        }
        v.recompute();
    }

    /** Executes one instruction; returns what {@link Op#execute} returns. */
    private int run(String hex) {
        byte[] code = Arrays.copyOf(HexFormat.of().parseHex(hex.replace(" ", "")), 15);
        v.engineBase = 0x1234;
        v.fault.kind = 0;
        v.fault.vector = -1;
        return decoder.decode(code, code.length, v.codeBits, 0).execute(v);
    }

    private void raises(String hex, int vector) {
        assertThat(run(hex)).as(hex).isEqualTo(Outcome.FAULT);
        assertThat(v.fault.vector).as(hex).isEqualTo(vector);
    }

    private void retires(String... instructions) {
        for (String hex : instructions) {
            assertThat(run(hex)).as(hex).isEqualTo(Outcome.NEXT);
        }
    }

    private String state() {
        return String.format(
                        "fcw %x fsw %x tag %x fop %x fip %x:%x fdp %x:%x mxcsr %x ",
                        v.fcw, v.fsw, v.fpTag, v.fop, v.fcs, v.fip, v.fds, v.fdp, v.mxcsr)
                + Arrays.toString(v.fpSig)
                + Arrays.toString(v.fpExp)
                + Arrays.toString(v.xmm);
    }

    private long at(int offset) {
        return ram.address() + offset;
    }

    // ---- availability

    @ParameterizedTest
    @ValueSource(strings = {"D8 C1", "DF E0", "DB E3", "D9 3B", "0F AE 03", "DD 33"})
    void needTheTaskSwitchedBitClear(String hex) {
        v.gpr[3] = PAGE;
        v.cr0 |= VcpuContext.CR0_TS;
        raises(hex, Faults.NM);
        v.cr0 ^= VcpuContext.CR0_TS | VcpuContext.CR0_EM;
        raises(hex, Faults.NM);
    }

    @Test
    void waitLooksAtTheMonitorBit() {
        v.cr0 |= VcpuContext.CR0_TS;
        retires("9B");
        v.cr0 |= VcpuContext.CR0_MP;
        raises("9B", Faults.NM);
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void anUnmaskedExceptionIsReportedByTheNextWaitingInstruction(boolean nativeErrors) {
        if (!nativeErrors) {
            v.cr0 &= ~VcpuContext.CR0_NE;
        }
        v.fcw = 0x37B; // division by zero unmasked
        retires("D9 E8", "D9 EE", "DE F9"); // 1 / 0
        assertThat(v.fsw & 0x80FF).isEqualTo(0x8084);
        assertThat(v.fpTag).as("nothing was popped").isEqualTo(0xC0);
        assertThat(v.fop).isEqualTo(0x6F9);
        raises("D9 E8", Faults.MF);
        raises("9B", Faults.MF);
        retires("DF E0"); // FNSTSW does not wait
        assertThat(v.gpr[0] & 0x84).isEqualTo(0x84);
        retires("DB E2", "9B");
        assertThat(v.fsw & 0x80FF).isZero();
    }

    // ---- the stack

    @Test
    void theNinthPushOverflows() {
        for (int i = 0; i < 8; i++) {
            retires("D9 E8");
        }
        assertThat(v.fsw).isZero();
        retires("D9 E8");
        assertThat(v.fsw & 0x7FF).isEqualTo(0x241);
        assertThat(v.fpExp[7]).isEqualTo(0xFFFF);
        assertThat(v.fpSig[7]).isEqualTo(0xC000_0000_0000_0000L);
    }

    @Test
    void anEmptyRegisterUnderflows() {
        retires("D9 FA"); // FSQRT
        assertThat(v.fsw & 0x7FF).isEqualTo(0x41);
        assertThat(v.fpExp[0]).isEqualTo(0xFFFF);
    }

    // ---- images in memory

    @Test
    void environmentOf32BitProtectedMode() {
        v.gpr[3] = PAGE;
        loadPointers();
        retires("D9 33");
        assertThat(get32(at(0))).isEqualTo(0xFFFF_037F);
        assertThat(get32(at(4))).isEqualTo(0xFFFF_3800);
        assertThat(get32(at(8))).isEqualTo(0xFFFF_3FFF);
        assertThat(get32(at(12))).isEqualTo(0x89AB_CDEF);
        assertThat(get32(at(16))).isEqualTo(0x0567_0008);
        assertThat(get32(at(20))).isEqualTo(0x1357_9BDF);
        assertThat(get32(at(24))).isEqualTo(0xFFFF_0010);
    }

    @Test
    void environmentOf16BitProtectedMode() {
        v.gpr[3] = PAGE;
        loadPointers();
        retires("66 D9 33");
        assertThat(get16(at(4)) & 0xFFFF).isEqualTo(0x3FFF);
        assertThat(get16(at(6)) & 0xFFFF).isEqualTo(0xCDEF);
        assertThat(get16(at(8))).isEqualTo((short) 0x08);
        assertThat(get16(at(10)) & 0xFFFF).isEqualTo(0x9BDF);
        assertThat(get16(at(12))).isEqualTo((short) 0x10);
    }

    @Test
    void environmentsOfRealModeHoldLinearAddresses() {
        realMode();
        v.gpr[3] = PAGE;
        loadPointers();
        v.fip = 0xABCD;
        v.fcs = 0x1234;
        v.fdp = 0x10;
        v.fds = 0xF000;
        retires("D9 37"); // [BX]
        assertThat(get16(at(6)) & 0xFFFF).isEqualTo(0xCF0D); // 12340h + ABCDh = 1CF0Dh
        assertThat(get16(at(8)) & 0xFFFF).isEqualTo(0x1567);
        assertThat(get16(at(10)) & 0xFFFF).isEqualTo(0x0010);
        assertThat(get16(at(12)) & 0xFFFF).isEqualTo(0xF000);
        retires("66 D9 37");
        assertThat(get32(at(12))).isEqualTo(0xFFFF_CF0D);
        assertThat(get32(at(16))).isEqualTo(0x0000_1567);
        assertThat(get32(at(20))).isEqualTo(0xFFFF_0010);
        assertThat(get32(at(24))).isEqualTo(0x0000_F000);
        v.fip = 0;
        retires("66 D9 27");
        assertThat(v.fip).isEqualTo(0x1CF0D);
        assertThat(v.fop).isEqualTo(0x567);
        assertThat(v.fdp).isEqualTo(0xF0010);
    }

    private void loadPointers() {
        retires("D9 EB"); // FLDPI: one valid register
        v.fip = 0x89AB_CDEFL;
        v.fcs = 0x08;
        v.fdp = 0x1357_9BDFL;
        v.fds = 0x10;
        v.fop = 0x567;
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "66 "})
    void saveAndRestoreKeepEverything(String prefix) {
        v.gpr[3] = PAGE + 8;
        retires("D9 EB", "D9 E9", "D9 EE", "D9 F6"); // pi, log2(10), 0, FDECSTP
        String before = state();
        retires(prefix + "DD 33");
        assertThat(v.fsw).isZero();
        assertThat(v.fpTag).isZero();
        assertThat(v.fcw).isEqualTo(0x37F);
        Arrays.fill(v.fpSig, 0);
        retires(prefix + "DD 23");
        assertThat(v.fpTag).isEqualTo(0xE0);
        assertThat(state().replaceAll("fop.*mxcsr", "mxcsr"))
                .isEqualTo(before.replaceAll("fop.*mxcsr", "mxcsr"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "48 "})
    void extendedSaveAndRestoreKeepEverything(String rex) {
        protectedMode(64);
        v.gpr[3] = PAGE;
        retires("D9 EB", "D9 E9");
        for (int i = 0; i < 32; i++) {
            v.xmm[i] = 0x0101_0101_0101_0101L * i;
        }
        v.mxcsr = 0x9FC0;
        v.fip = 0x7FFF_1234_5678L;
        String before = state();
        retires(rex + "0F AE 03");
        assertThat(get32(at(28))).as("MXCSR_MASK").isEqualTo(0xFFFF);
        assertThat(get64(at(160 + 16 * 15 + 8))).isEqualTo(v.xmm[31]);
        assertThat(get16(at(4))).as("abridged tags").isEqualTo((short) 0xC0);
        assertThat(get64(at(32))).as("ST(0)").isEqualTo(v.fpSig[6]);
        X87.initialize(v);
        Arrays.fill(v.fpSig, 0);
        Arrays.fill(v.xmm, 0);
        v.mxcsr = 0x1F80;
        retires(rex + "0F AE 0B");
        String want =
                rex.isEmpty() ? before.replace("fip 8:7fff12345678", "fip 8:12345678") : before;
        assertThat(state()).isEqualTo(rex.isEmpty() ? want : want.replace("fip 8:", "fip 0:"));
    }

    @Test
    void extendedStateRefusesMisalignmentAndReservedBits() {
        v.gpr[3] = PAGE + 8;
        raises("0F AE 03", Faults.GP);
        raises("0F AE 0B", Faults.GP);
        v.gpr[3] = PAGE;
        put16(at(0), (short) 0x27F);
        put32(at(24), 0x1_0000);
        String before = state();
        raises("0F AE 0B", Faults.GP);
        raises("0F AE 53 18", Faults.GP); // LDMXCSR
        assertThat(state()).isEqualTo(before);
    }

    @Test
    void mxcsrNeedsTheSystemsConsent() {
        v.gpr[3] = PAGE;
        retires("0F AE 1B");
        assertThat(get32(at(0))).isEqualTo(0x1F80);
        v.cr4 = 0;
        raises("0F AE 1B", Faults.UD);
        raises("0F AE 13", Faults.UD);
    }

    // ---- restart

    @ParameterizedTest
    @ValueSource(
            strings = {
                "DD 1B", "DB 3B", "DF 33", "DD 33", "D9 33", "DD 0B", "DF 3B", // stores
                "DD 23", "D9 23", "DD 03", "DB 2B", "DC 03", "DF 23", "D9 2B", // loads
                "0F AE 03", "0F AE 0B"
            })
    void aStoppedAccessChangesNothing(String hex) {
        for (int i = 0; i < 0x1000; i += 8) {
            put64(at(i), 0x1111_1111_1111_1111L);
        }
        retires("D9 EB", "D9 E9");
        boolean aligned = hex.startsWith("0F");
        for (int before = aligned ? 16 : 1; before < (aligned ? 512 : 14); before += before) {
            v.gpr[3] = PAGE + 0x1000 - before;
            int size = size(hex);
            if (before >= size) {
                break;
            }
            String state = state();
            raises(hex, Faults.PF);
            assertThat(state()).as("%s, %d bytes before the end", hex, before).isEqualTo(state);
            // Hardware stores the significand of ten bytes before its access to the rest.
            int kept = size == 10 && before == 8 && !load(hex) ? 0xFF8 : 0x1000;
            for (int i = 0; i < kept; i += 8) {
                assertThat(get64(at(i))).as("%s at %x", hex, i).isEqualTo(0x1111_1111_1111_1111L);
            }
        }
    }

    private static boolean load(String hex) {
        return hex.equals("DB 2B") || hex.equals("DF 23");
    }

    private static int size(String hex) {
        return switch (hex) {
            case "DB 3B", "DF 33", "DB 2B", "DF 23" -> 10;
            case "DD 33", "DD 23" -> 108;
            case "D9 33", "D9 23" -> 28;
            case "D9 2B" -> 2;
            case "0F AE 03", "0F AE 0B" -> 512;
            default -> 8;
        };
    }

    /** One present page; everything else is a #PF. */
    private final class OnePage extends StubMmu {
        @Override
        public long fill(VcpuContext v, long lin, int size, int access, FaultOrigin origin) {
            if ((lin & ~0xFFFL) == PAGE) {
                return ram.address() + (lin & 0xFFF);
            }
            v.fault.guest(Faults.PF, 0);
            v.fault.gva = lin;
            return FAULTED;
        }
    }
}
