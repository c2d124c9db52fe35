// SPDX-License-Identifier: Apache-2.0
package dev.faultline.hax.internal;

import static dev.faultline.api.hax.HaxAbi.*;
import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.hax.HaxOp;
import dev.faultline.api.memory.HostBytes;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Instructions with an operand in device space, whose client answers as memory would, against the
 * same with the operand in RAM: the same registers and the same bytes at the end. No byte of the
 * device is read twice, though the instruction is executed anew after every read.
 */
class DeviceOperandsTest {
    private static final int RAM = 0x1_0000;
    private static final int OPERAND = 0x5000;
    private static final int DEVICE = 0x10_0000;
    private static final int BYTES = 1024;
    private static final int STACK = 0x4000;
    private static final int MOST_EXITS = 500;

    /** What a run ends with. */
    private record End(List<Long> registers, List<Long> fpu, List<Byte> operand) {}

    @ParameterizedTest
    @ValueSource(
            strings = {
                "01 03", // add [ebx],eax
                "10 03", // adc [ebx],al
                "66 29 03", // sub [ebx],ax
                "f0 0f c1 03", // lock xadd [ebx],eax
                "0f b1 03", // cmpxchg [ebx],eax
                "f0 0f c7 0b", // lock cmpxchg8b [ebx]
                "87 03", // xchg [ebx],eax
                "c1 03 05", // rol dword [ebx],5
                "0f a4 03 07", // shld [ebx],eax,7
                "0f ab 43 04", // bts [ebx+4],eax
                "f7 1b", // neg dword [ebx]
                "fe 03", // inc byte [ebx]
                "0f 94 03", // setz [ebx]
                "f7 23", // mul dword [ebx]
                "0f af 03", // imul eax,[ebx]
                "0f b6 03", // movzx eax,byte [ebx]
                "3b 03", // cmp eax,[ebx]
                "ff 33", // push [ebx]
                "8f 03", // pop [ebx]
                "8f 44 24 10", // pop [esp+10h]: the address is that after the pop
                "c7 03 78 56 34 12", // mov dword [ebx],12345678h
                "8b 43 01", // mov eax,[ebx+1]: misaligned, several pieces
                "89 43 03", // mov [ebx+3],eax
                "d7", // xlat
                "0f c8 8b 0b", // bswap eax; mov ecx,[ebx]
                "a5", // movsd within
                "a7", // cmpsd
                "ad", // lodsd
                "af", // scasd
                "ab", // stosd
                "b9 05 00 00 00 f3 a4", // mov ecx,5; rep movsb
                "b9 05 00 00 00 f3 a6", // mov ecx,5; repe cmpsb
                "b9 03 00 00 00 f3 ab", // mov ecx,3; rep stosd
                "0f 10 03", // movups xmm0,[ebx]
                "0f 11 0b", // movups [ebx],xmm1
                "0f 58 0b", // addps xmm1,[ebx]
                "0f 6f 03", // movq mm0,[ebx]
                "dd 03", // fld qword [ebx]
                "db 2b", // fld tbyte [ebx]
                "d9 e8 dd 1b", // fld1; fstp qword [ebx]
                "d9 e8 db 3b", // fld1; fstp tbyte [ebx]
                "df 33", // fbstp [ebx], of an empty stack
                "d9 33", // fnstenv [ebx]
                "0f ae 03", // fxsave [ebx]
                "dd 33", // fnsave [ebx]
                "0f ae 03 0f ae 0b", // fxsave [ebx]; fxrstor [ebx]
                "0f ae 1b 0f ae 13", // stmxcsr [ebx]; ldmxcsr [ebx]
                "d9 23", // fldenv [ebx]
                "dd 23", // frstor [ebx]
                "df 23", // fbld [ebx]
                "db 6b 3f", // fld tbyte [ebx+3fh]
                "89 dc 61", // mov esp,ebx; popa
                "89 dd c9", // mov ebp,ebx; leave
                "c4 0b", // les ecx,[ebx]: refused
                "8e 03", // mov es,[ebx]: refused
                "0f 02 03", // lar eax,[ebx]
                "0f 01 03", // sgdt [ebx]
                "0f 01 e0 0f 01 23", // smsw eax; smsw [ebx]
                "62 03", // bound eax,[ebx]
                "ff 74 24 fc 58" // push [esp-4]; pop eax
            })
    void aDeviceIsSeenAsRamIs(String code) {
        assertThat(run(code, DEVICE)).isEqualTo(run(code, OPERAND));
    }

    /**
     * ENTER pushes before it reads: what it pushed waits until it can read everything. The
     * addresses that it pushes are the operand's own.
     */
    @Test
    void enterReadsItsFramesOnceAndPushesOnce() {
        String code = "8d a3 00 02 00 00 8d ab 00 03 00 00 c8 10 00 03"; // ...; enter 16,3
        assertThat(run(code, DEVICE).registers).isEqualTo(run(code, OPERAND).registers);
    }

    private static End run(String code, int operand) {
        byte[] device = new byte[BYTES];
        for (int i = 0; i < BYTES; i++) {
            device[i] = (byte) (i * 7 + 1);
        }
        try (Client c = Client.linux().ram(RAM)) {
            HostBytes.copyIn(device, 0, c.ram + OPERAND, BYTES);
            c.code(code + "f4");
            ByteBuffer r = c.registers();
            for (int i = 0; i < 8; i++) {
                r.putLong(8 * i, 0x8000_0011L * (i + 1) & 0xFFFF_FFFFL);
            }
            r.putLong(8 * 3, operand).putLong(8 * 4, STACK).putLong(8 * 6, operand + 0x40);
            r.putLong(8 * 7, operand + 0x80).putLong(8 * 0, 0x17);
            r.putLong(Client.at("_rflags"), 3).putLong(Client.at("_cr4"), 0x600);
            c.registers(r);
            ByteBuffer fpu = Client.buffer(512);
            c.vcpu(HaxOp.GET_FPU, fpu);
            fpu.putShort(0, (short) 0x37F).put(4, (byte) 0).putLong(176, 0x4000_0000_3F80_0000L);
            c.vcpu(HaxOp.SET_FPU, fpu);
            serve(c, device);
            if (operand == OPERAND) {
                HostBytes.copyOut(c.ram + OPERAND, device, 0, BYTES);
            }
            c.vcpu(HaxOp.GET_FPU, fpu);
            return new End(
                    relative(c.registers(), operand),
                    pointerFree(fpu, operand),
                    bytes(device, operand));
        }
    }

    /** Runs until HLT or the end of all; the client is memory. */
    private static void serve(Client c, byte[] device) {
        Set<Long> read = new HashSet<>();
        ByteBuffer d = ByteBuffer.wrap(device).order(java.nio.ByteOrder.LITTLE_ENDIAN);
        for (int exits = 0; exits < MOST_EXITS; exits++) {
            int status = c.run();
            if (status != EXIT_FAST_MMIO) {
                assertThat(status).isIn(EXIT_HLT, EXIT_STATECHANGE);
                return;
            }
            String[] exit = c.mmio().split(" ");
            int size = exit[0].charAt(exit[0].length() - 1) - '0';
            int at = Integer.parseInt(exit[1], 16) - DEVICE;
            if (exit[0].startsWith("read")) {
                long x = 0;
                for (int i = size - 1; i >= 0; i--) {
                    x = x << 8 | d.get(at + i) & 0xFF;
                    assertThat(read.add((long) at + i)).as("byte %x is read once", at + i).isTrue();
                }
                c.answerMmio(x);
            } else {
                long x = Long.parseUnsignedLong(exit[2], 16);
                for (int i = 0; i < size; i++) {
                    d.put(at + i, (byte) (x >>> 8 * i));
                }
            }
        }
        throw new AssertionError("the guest did not end within " + MOST_EXITS + " exits");
    }

    /** Registers that hold an address of the operand count from it. */
    private static List<Long> relative(ByteBuffer r, int operand) {
        List<Long> all = new ArrayList<>();
        for (int i = 0; i < 512; i += 8) {
            long x = r.getLong(i);
            boolean pointer = i >= 24 && i <= 56 && x >= operand && x < operand + BYTES;
            all.add(pointer ? x - operand : x);
        }
        return all;
    }

    /** Without the FPU's pointer to its last operand, which is where that was. */
    private static List<Long> pointerFree(ByteBuffer fpu, int operand) {
        List<Long> all = new ArrayList<>();
        for (int i = 0; i < 512; i += 8) {
            all.add(i == 16 ? 0 : fpu.getLong(i));
        }
        return all;
    }

    /** The operand's bytes, but for those where FNSTENV, FNSAVE and FXSAVE store that pointer. */
    private static List<Byte> bytes(byte[] device, int operand) {
        List<Byte> all = new ArrayList<>();
        for (int i = 0; i < BYTES; i++) {
            all.add(i >= 16 && i < 24 ? 0 : device[i]);
        }
        return all;
    }
}
