// SPDX-License-Identifier: Apache-2.0
package dev.faultline.hax.internal;

import static dev.faultline.api.cpu.Gpr.RAX;
import static dev.faultline.api.cpu.Gpr.RBX;
import static dev.faultline.api.cpu.Gpr.RCX;
import static dev.faultline.api.cpu.Gpr.RDX;
import static dev.faultline.api.hax.HaxAbi.*;
import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.hax.HaxOp;
import dev.faultline.api.hax.HaxPlatform;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** SET_CPUID and GET_CPUID, and what the guest is told then. */
class CpuidTest {
    private static final int STATUS_UNSUCCESSFUL = 0xC000_0001;
    private static final int EXT1 = 0x8000_0001;
    private static final int SSE3 = 1;
    private static final int AVX = 1 << 28;
    private static final int HYPERVISOR = 1 << 31;
    private static final int APIC = 1 << 9;
    private static final int SSE2 = 1 << 26;
    private static final int FIXED = 1 << 7 | APIC | 1 << 12 | 1 << 16;
    private static final int SYSCALL = 1 << 11;

    private Client c;
    private final Arena arena = Arena.ofShared();

    @AfterEach
    void close() {
        c.close();
        arena.close();
    }

    private void guest(HaxPlatform platform, String code) {
        c = new Client(platform, false).ram(0x1_0000).code(code);
    }

    /** A table with room for {@code room} entries that says {@code total}. */
    private ByteBuffer table(int total, int room) {
        MemorySegment m = arena.allocate(8 + 40L * room, 8);
        return m.asByteBuffer().order(ByteOrder.LITTLE_ENDIAN).putInt(0, total);
    }

    private static ByteBuffer entry(
            ByteBuffer t, int i, int function, int index, int ebx, int ecx, int edx) {
        int at = 8 + 40 * i;
        return t.putInt(at, function)
                .putInt(at + 4, index)
                .putInt(at + 16, ebx)
                .putInt(at + 20, ecx)
                .putInt(at + 24, edx);
    }

    /** The table itself on Windows, elsewhere its address. */
    private int cpuid(HaxOp op, ByteBuffer table) {
        boolean inline = c.platform == HaxPlatform.WINDOWS;
        return c.vcpu(
                op,
                inline
                        ? table
                        : Client.buffer(8).putLong(0, MemorySegment.ofBuffer(table).address()));
    }

    /** EAX, EBX, ECX or EDX (0 to 3) of the first such entry. */
    private static int value(ByteBuffer t, int function, int register) {
        for (int i = 0; i < t.getInt(0); i++) {
            if (t.getInt(8 + 40 * i) == function) {
                return t.getInt(8 + 40 * i + 12 + 4 * register);
            }
        }
        throw new AssertionError("no %x".formatted(function));
    }

    private ByteBuffer all() {
        ByteBuffer t = table(0, 64);
        assertThat(cpuid(HaxOp.GET_CPUID, t)).isZero();
        int total = t.getInt(0);
        assertThat(total).isBetween(10, MAX_CPUID_ENTRIES);
        assertThat(cpuid(HaxOp.GET_CPUID, t)).isZero();
        assertThat(t.getInt(0)).isEqualTo(total);
        return t;
    }

    private void ask(int leaf) {
        c.gpr(RAX, leaf & 0xFFFF_FFFFL).gpr(RCX, 0);
        c.put("_rip", Client.CODE);
        assertThat(c.run()).isEqualTo(EXIT_HLT);
    }

    @ParameterizedTest
    @EnumSource(
            value = HaxPlatform.class,
            names = {"LINUX", "MACOS", "WINDOWS"})
    void theGuestSeesTheFeaturesThatAreLeft(HaxPlatform platform) {
        guest(platform, "0f a2 f4"); // cpuid; hlt
        ask(1);
        long signature = c.gpr(RAX);
        assertThat(c.gpr(RCX) & SSE3).isEqualTo(SSE3);
        ByteBuffer t = table(3, 3);
        entry(t, 0, 1, 0, 0, AVX, SSE2);
        entry(t, 1, 0x16, 0, 1, 1, 1);
        entry(t, 2, 1, 0, 0, -1, -1); // not the first for its leaf
        assertThat(cpuid(HaxOp.SET_CPUID, t)).isZero();
        ask(1);
        assertThat((int) c.gpr(RCX)).as("no AVX: there is none").isEqualTo(HYPERVISOR);
        assertThat((int) c.gpr(RDX)).isEqualTo(SSE2 | FIXED);
        assertThat(c.gpr(RAX)).isEqualTo(signature);
        assertThat(c.gpr(RBX) >> 8 & 0xFF).as("line size").isEqualTo(8);
        ask(7);
        assertThat(c.gpr(RBX)).as("not named: as before").isNotZero();
        ask(0x16);
        assertThat(c.gpr(RBX)).as("has no features").isNotEqualTo(1);
        entry(t, 0, 7, 0, 0, 0, 0);
        entry(t, 1, EXT1, 0, -1, -1, -1);
        assertThat(cpuid(HaxOp.SET_CPUID, t)).isZero();
        ask(7);
        assertThat(c.gpr(RBX) | c.gpr(RCX) | c.gpr(RDX)).isZero();
        ask(1);
        assertThat((int) c.gpr(RCX) & SSE3).as("can come back").isEqualTo(SSE3);
    }

    /** What GET gives can be SET again without a change, before the guest is in 64-bit mode too. */
    @Test
    void whatIsGotCanBeSet() {
        guest(HaxPlatform.LINUX, "0f a2 f4");
        ByteBuffer t = all();
        assertThat(value(t, EXT1, 3) & SYSCALL).isEqualTo(SYSCALL);
        assertThat(value(t, 1, 3) & APIC).isEqualTo(APIC);
        byte[] before = bytes(t);
        assertThat(cpuid(HaxOp.SET_CPUID, t)).isZero();
        assertThat(bytes(all())).isEqualTo(before);
        ask(1);
        assertThat((int) c.gpr(RCX)).isEqualTo(value(t, 1, 2));
        assertThat((int) c.gpr(RDX)).isEqualTo(value(t, 1, 3));
        ask(0x15);
        assertThat((int) c.gpr(RBX)).isEqualTo(value(t, 0x15, 1));
    }

    private static byte[] bytes(ByteBuffer t) {
        byte[] b = new byte[8 + 40 * t.getInt(0)];
        t.get(0, b);
        return b;
    }

    @Test
    void allVcpusOfAVmShareOneSet() {
        guest(HaxPlatform.LINUX, "0f a2 f4");
        assertThat(c.ioctl(c.vm, HaxOp.VCPU_CREATE, Client.buffer(4).putInt(0, 1))).isZero();
        long other = c.driver.open(c.platform.vcpuDevice(0, 1));
        ByteBuffer t = entry(table(1, 64), 0, 1, 0, 0, 0, 0);
        ByteBuffer address = Client.buffer(8).putLong(0, MemorySegment.ofBuffer(t).address());
        assertThat(c.ioctl(other, HaxOp.SET_CPUID, address)).isZero();
        ask(1);
        assertThat((int) c.gpr(RDX)).isEqualTo(FIXED);
        assertThat(value(all(), 1, 3)).isEqualTo(FIXED);
    }

    @ParameterizedTest
    @CsvSource({
        "LINUX, -22, -7, -7, -14",
        "MACOS, -22, -7, -7, -14",
        "NETBSD, -22, -7, -7, -14",
        "WINDOWS, 0xC0000001, 0xC0000001, 0xC0000001, 0xC000000D"
    })
    void errors(HaxPlatform platform, String none, String many, String few, String bad) {
        guest(platform, "0f a2 f4");
        assertThat(cpuid(HaxOp.SET_CPUID, table(0, 1))).isEqualTo(status(none));
        assertThat(cpuid(HaxOp.SET_CPUID, table(65, 65))).isEqualTo(status(many));
        assertThat(cpuid(HaxOp.GET_CPUID, table(65, 65))).isEqualTo(status(many));
        ByteBuffer small = table(3, 3);
        assertThat(cpuid(HaxOp.GET_CPUID, small)).isEqualTo(status(few));
        assertThat(small.getInt(0)).as("the number that is needed").isGreaterThan(3);
        assertThat(small.getInt(8)).as("nothing else").isZero();
        assertThat(c.vcpu(HaxOp.SET_CPUID, Client.buffer(4))).isEqualTo(status(bad));
        assertThat(c.vcpu(HaxOp.SET_CPUID, null)).isEqualTo(status(bad));
        if (platform == HaxPlatform.WINDOWS) {
            // 40 * 0x06666667 wraps to 24 in 32 bits: the reference reads beyond its buffer.
            for (int total : new int[] {2, 0x0666_6667, -1}) {
                assertThat(cpuid(HaxOp.SET_CPUID, table(total, 1))).isEqualTo(status(bad));
            }
        } else {
            assertThat(c.vcpu(HaxOp.SET_CPUID, Client.buffer(8))).isEqualTo(status(bad));
        }
        assertThat(value(all(), 1, 3)).as("nothing has changed").isNotEqualTo(FIXED);
    }

    private static int status(String s) {
        return s.startsWith("0x")
                ? Integer.parseUnsignedInt(s.substring(2), 16)
                : Integer.parseInt(s);
    }

    /** A vCPU that runs cannot change what its guest may have seen. */
    @Test
    void aRunningVcpuRefuses() throws InterruptedException {
        guest(HaxPlatform.WINDOWS, "e6 80 eb fe"); // out 80h,al; jmp $
        ByteBuffer t = entry(table(1, 1), 0, 1, 0, 0, 0, 0);
        assertThat(c.run()).isEqualTo(EXIT_IO);
        CountDownLatch started = new CountDownLatch(1);
        Thread runner =
                Thread.ofPlatform()
                        .start(() -> {
                            started.countDown();
                            c.vcpu(HaxOp.RUN, null);
                        });
        started.await();
        int status;
        do {
            status = cpuid(HaxOp.SET_CPUID, t);
        } while (status == 0);
        assertThat(status).isEqualTo(STATUS_UNSUCCESSFUL);
        assertThat(c.vcpu(HaxOp.KICKOFF, null)).isZero();
        runner.join();
        assertThat(cpuid(HaxOp.SET_CPUID, t)).isZero();
    }
}
