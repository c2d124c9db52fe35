// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.x87;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertAll;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.decode.Decoder;
import dev.faultline.cpu.x86.state.Outcome;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/**
 * Every x87 instruction on registers, against a real processor. Each line of {@code registers.txt}
 * is one instruction executed from one state:
 *
 * <pre>
 * code eflags fcw fsw tags st0,..,st7 : - eflags fcw fsw tags fop ax st0,..,st7
 * </pre>
 *
 * All numbers are hexadecimal; {@code =} is a register that did not change; an ax of 10000 means
 * that AX did not.
 */
class RegisterVectorsTest {
    private final Decoder decoder = new Decoder();

    @Test
    void agreesWithTheProcessor() throws IOException {
        List<Executable> checks = new ArrayList<>();
        try (BufferedReader in =
                new BufferedReader(
                        new InputStreamReader(
                                RegisterVectorsTest.class.getResourceAsStream("registers.txt"),
                                StandardCharsets.US_ASCII))) {
            in.lines().forEach(line -> checks.add(() -> check(line)));
        }
        assertThat(checks).hasSizeGreaterThan(800);
        assertAll(checks);
    }

    private void check(String line) {
        String[] f = line.split(" ");
        String[] before = f[5].split(",");
        VcpuContext v = new VcpuContext(0);
        v.cr0 = VcpuContext.CR0_PE | VcpuContext.CR0_NE;
        v.efer = VcpuContext.EFER_LMA;
        v.segAttr[Segments.CS] = Segments.P | Segments.S | Segments.L | 0xB;
        v.recompute();
        v.setFlags(hex(f[1]));
        v.fcw = hex(f[2]);
        v.fsw = hex(f[3]);
        v.fpTag = hex(f[4]);
        int top = v.fsw >> 11 & 7;
        for (int i = 0; i < 8; i++) {
            v.fpExp[top + i & 7] = hex(before[i].substring(0, 4));
            v.fpSig[top + i & 7] = Long.parseUnsignedLong(before[i].substring(4), 16);
        }
        byte[] code = HexFormat.of().parseHex(f[0]);
        assertThat(decoder.decode(code, 2, 64, 0).execute(v)).as(line).isEqualTo(Outcome.NEXT);

        boolean exact = !transcendental(f[0]);
        int statusMask = exact ? 0xFFFF : 0xFDFF;
        assertThat(v.getFlags() & VcpuContext.STATUS_FLAGS).as(line).isEqualTo(hex(f[8]));
        assertThat(v.fcw).as(line).isEqualTo(hex(f[9]));
        assertThat(v.fsw & statusMask).as(line).isEqualTo(hex(f[10]) & statusMask);
        assertThat(v.fpTag).as(line).isEqualTo(hex(f[11]));
        assertThat(v.fop).as(line).isEqualTo(hex(f[12]));
        if (!f[13].equals("10000")) {
            assertThat((int) v.gpr[0]).as(line).isEqualTo(hex(f[13]));
        }
        String[] after = f[14].split(",");
        for (int i = 0; i < 8; i++) {
            int r = v.fsw + (i << 11) >> 11 & 7;
            String want = after[i].equals("=") ? before[i] : after[i];
            register(line + ", ST(" + i + ")", v.fpExp[r], v.fpSig[r], want, exact);
        }
    }

    private static void register(String what, int se, long sig, String want, boolean exact) {
        long wantSig = Long.parseUnsignedLong(want.substring(4), 16);
        if (!exact && se == hex(want.substring(0, 4)) && Math.abs(sig - wantSig) <= 1) {
            return;
        }
        assertThat(String.format("%04x%016x", se, sig)).as(what).isEqualTo(want);
    }

    /** Their last bits, and C1 with them, differ among processors. */
    private static boolean transcendental(String code) {
        return List.of("d9f0", "d9f1", "d9f2", "d9f3", "d9f9", "d9fb", "d9fe", "d9ff")
                .contains(code);
    }

    private static int hex(String s) {
        return Integer.parseInt(s, 16);
    }
}
